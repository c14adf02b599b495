/**
 * Writes the log of this node, for one term: requests wait, and one append holds all that have
 * waited (group commit).
 *
 * One append is on its way at a time. When its outcome is unknown it is sent again, the same bytes,
 * until it is known to be stored. It may then be there twice, and one of them may come long after:
 * the records have the versions that they were given at first, so they change nothing that is
 * newer, and after the end of the term they do not count.
 *
 * A request is answered when its record is stored **and the lease holds then**, not before the
 * append and not while it is on its way. The node that takes over ends the lease first and fences
 * the log then, so what was answered stands before the fence, and counts. While the lease does not
 * hold, the answer waits, and with it what comes next: either the lease is renewed, which says that
 * nobody has ended it in between, or the term is over, and the outcome unknown.
 *
 * @module
 */
import type { AppendOutcome, LogEngine } from "../engine/log_engine.ts";
import {
  encodeBatch,
  encodeOwn,
  type LogRecord,
  MESSAGE_BYTES_MAX,
  recordBytesMax,
} from "../messages/log_codec.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import type { KeyTable } from "./key_table.ts";
import type { HeldLease } from "./lease.ts";
import type { Change, WriteOutcome } from "./requests.ts";

/** Bytes of requests that wait, at most; more are refused. */
export const WAITING_BYTES_MAX: number = 16 * MESSAGE_BYTES_MAX;
/** Bytes of the records of one append; the frame needs some more. */
export const BATCH_BYTES_MAX: number = MESSAGE_BYTES_MAX - 1024;
/** Pause before an append is sent again, and before the lease is looked at again. */
const RETRY_MS = 20;

/** A request that waits. */
interface Waiting {
  readonly slot: number;
  readonly key: string;
  readonly change: Change;
  readonly bytes: number;
  readonly done: (outcome: WriteOutcome) => void;
}

/** What an append answers when it is stored. */
interface Answer {
  readonly slot: number;
  readonly done: (outcome: WriteOutcome) => void;
  readonly outcome: WriteOutcome;
}

/** What the writer needs. */
export interface LogWriterParts {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  readonly stream: string;
  readonly term: number;
  readonly table: KeyTable;
  readonly lease: HeldLease;
}

/** Writes under one term. */
export class LogWriter {
  readonly #parts: LogWriterParts;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** What is on its way; undefined if nothing is. */
  #answers: readonly Answer[] | undefined;
  #isReady = false;
  #isClosed = false;
  #storedSequence = 0;

  /** Begins the term: nothing is written before that is stored. */
  constructor(parts: LogWriterParts) {
    this.#parts = parts;
    this.#append("own", encodeOwn(parts.term), () => {
      this.#isReady = true;
      this.#flush();
    });
  }

  /** Whether the term has begun. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Sequence of the last message that is known to be stored. */
  get storedSequence(): number {
    return this.#storedSequence;
  }

  /** Whether nothing waits or is on its way. */
  get isIdle(): boolean {
    return this.#answers === undefined && this.#waiting.length === 0;
  }

  /** Whether something is on its way or waits that may change a slot. */
  isBusyWith(slots: ReadonlyMap<number, unknown>): boolean {
    return this.#waiting.some(({ slot }) => slots.has(slot)) ||
      this.#answers?.some(({ slot }) => slots.has(slot)) === true;
  }

  /** Takes a change; it is answered later, in any case. */
  write(slot: number, key: string, change: Change, done: (outcome: WriteOutcome) => void): void {
    const bytes = recordBytesMax(key, change.kind === "delete" ? undefined : change.value);
    const isTooMuch = bytes > BATCH_BYTES_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX;
    if (this.#isClosed || isTooMuch) return done({ status: "refused" });
    this.#waiting.push({ slot, key, change, bytes, done });
    this.#waitingBytes += bytes;
    this.#flush();
  }

  /** The term has ended. What waits was not written; of what is on its way nobody knows. */
  close(): void {
    this.#isClosed = true;
    const answers = this.#answers ?? [];
    const waiting = this.#waiting;
    this.#answers = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { done } of waiting) done({ status: "refused" });
    for (const { done } of answers) done({ status: "unknown" });
  }

  #flush(): void {
    if (!this.#isReady || this.#isClosed || this.#answers !== undefined) return;
    const { records, answers } = this.#takeBatch();
    if (answers.length === 0) return;
    this.#answers = answers;
    const { term, table, lease, clock } = this.#parts;
    const settle = () => {
      if (this.#isClosed) return;
      if (!lease.holds()) return void clock.after(RETRY_MS, settle);
      for (const record of records) table.merge(record);
      this.#answers = undefined;
      for (const { done, outcome } of answers) done(outcome);
      this.#flush();
    };
    // Conditions that do not hold leave no record; what they have seen is in the table.
    if (records.length === 0) return settle();
    this.#append("records", encodeBatch(term, records), settle);
  }

  /** Takes from what waits as much as fits, and decides what each request does. */
  #takeBatch(): { records: LogRecord[]; answers: Answer[] } {
    const { table } = this.#parts;
    const records: LogRecord[] = [];
    const answers: Answer[] = [];
    /** What the records of this batch have made of their keys. */
    const changed = new Map<string, LogRecord>();
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (bytes + waiting.bytes > BATCH_BYTES_MAX) break;
      const { slot, key, change, done } = waiting;
      bytes += waiting.bytes;
      count += 1;
      const before = changed.get(key) ?? table.recordOf(key);
      const outcome = outcomeOf(change, before, () => table.nextVersion(slot));
      answers.push({ slot, done, outcome });
      if (outcome.status !== "written") continue;
      const value = change.kind === "delete" ? undefined : change.value;
      const record = { key, version: outcome.version, value };
      records.push(record);
      changed.set(key, record);
    }
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= bytes;
    return { records, answers };
  }

  /** Appends until it is known to be stored, or the term has ended. */
  #append(subject: string, body: Uint8Array, stored: () => void): void {
    const { engine, clock, stream } = this.#parts;
    const ended = (outcome: AppendOutcome) => {
      if (this.#isClosed) return;
      if (outcome.status === "stored") {
        this.#storedSequence = Math.max(this.#storedSequence, outcome.sequence);
        return stored();
      }
      clock.after(RETRY_MS, () => {
        if (!this.#isClosed) engine.append(stream, subject, body, undefined, ended);
      });
    };
    engine.append(stream, subject, body, undefined, ended);
  }
}

/** What a change does to what is there. */
function outcomeOf(
  change: Change,
  before: LogRecord | undefined,
  nextVersion: () => number,
): WriteOutcome {
  const isPresent = before?.value !== undefined;
  switch (change.kind) {
    case "put":
      return { status: "written", version: nextVersion() };
    case "delete":
      if (!isPresent) return { status: "unmet" };
      return { status: "written", version: nextVersion() };
    case "compareAndSet": {
      const isMet = change.version === undefined
        ? !isPresent
        : isPresent && before.version === change.version;
      return isMet ? { status: "written", version: nextVersion() } : { status: "unmet" };
    }
  }
}
