/**
 * Writes the log of this node, for one term: requests wait, and one append holds all that have
 * waited (group commit).
 *
 * One append is on its way at a time. It is made when all requests have been taken that came
 * together (next_append.ts).
 *
 * When its outcome is unknown it is sent again, the same bytes,
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
 * What a request does is decided when its append is made. Everything before it is in the table
 * then, or in the same append; so is the evidence of requests that come a second time.
 *
 * @module
 */
import type { AppendOutcome, Leading, LogEngine } from "../engine/log_engine.ts";
import { encodeBatch, encodeOwn, type LogRecord, recordBytesMax } from "../messages/log_codec.ts";
import { BatchDecisions, type BatchParts, type Ended } from "./batch_decisions.ts";
import { findRecords, type Found } from "./found_records.ts";
import { LateRequests } from "./late_requests.ts";
import type { HeldLease } from "./lease.ts";
import { NextAppend } from "./next_append.ts";
import { PendingRequests } from "./pending_requests.ts";
import type { RecordAddress } from "./record_table.ts";
import {
  type Answered,
  answerOf,
  type ClusterRequest,
  ClusterStatus,
  isReading,
  slotOf,
  type WaitingRequest,
} from "./requests.ts";

/**
 * Bytes of requests after which no more are added to an append: who reads one record reads its
 * whole message.
 */
const APPEND_BYTES = 16 * 1024;
/** Pause before an append is sent again, and before the lease is looked at again. */
const RETRY_MS = 20;

/** What the writer needs. */
export interface LogWriterParts extends BatchParts {
  readonly engine: LogEngine;
  /** Number of this node, and its log. */
  readonly node: number;
  readonly stream: string;
  readonly term: number;
  readonly lease: HeldLease;
  /** Runs a task when all requests have been taken that came together. */
  readonly soon: (task: () => void) => void;
  /** A record counts: it is in the log, and the lease has held since. */
  readonly written: (record: LogRecord, address: RecordAddress) => void;
  /** Requests have been answered. */
  readonly settled: () => void;
}

/** Writes under one term. */
export class LogWriter {
  readonly #parts: LogWriterParts;
  readonly #pending = new PendingRequests();
  readonly #late = new LateRequests();
  #waiting: WaitingRequest[] = [];
  #waitingBytes = 0;
  /** Those of which the next append is made; undefined if there is none. */
  #members: readonly WaitingRequest[] | undefined;
  /** Whether their append may have been sent. */
  #isSent = false;
  readonly #next: NextAppend;
  readonly #leading: Leading;
  #isReady = false;
  #isClosed = false;
  #storedSequence = 0;

  /** Begins the term: nothing is written before that is stored. */
  constructor(parts: LogWriterParts) {
    this.#parts = parts;
    this.#next = new NextAppend(parts.clock, parts.soon, () => this.#flush());
    // Who has the lease writes the log: others that want its number have none of it led elsewhere.
    this.#leading = parts.engine.lead(parts.stream, () => {
      if (!this.#isClosed) this.#append("own", encodeOwn(parts.term), () => this.#begin());
    });
  }

  /** Under which it writes. */
  get term(): number {
    return this.#parts.term;
  }

  /** Whether the term has begun. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Sequence of the last message that is known to be stored. */
  get storedSequence(): number {
    return this.#storedSequence;
  }

  /** Bytes of the requests that wait for their append. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether nothing waits or is on its way. */
  get isIdle(): boolean {
    return this.#members === undefined && this.#waiting.length === 0;
  }

  /** Whether something is on its way or waits that may change one of some slots. */
  isBusyWith(slots: ReadonlyMap<number, unknown>): boolean {
    for (const slot of slots.keys()) if (this.#pending.hasAny(slot)) return true;
    return false;
  }

  /** Whether something is on its way or waits that may change a slot. */
  isChanging(slot: number): boolean {
    return this.#pending.hasAny(slot);
  }

  /** Whether a session has sent changes of a slot that are not answered; never of session 0. */
  hasPending(slot: number, session: number): boolean {
    return session !== 0 && this.#pending.has(slot, session);
  }

  /** Takes a request; it is answered later, in any case. */
  add(request: ClusterRequest, done: Answered): void {
    if (this.#isClosed) return done(answerOf(ClusterStatus.NOT_OWNER));
    const bytes = bytesOf(request);
    const { recordBytes } = this.#parts.limits;
    if (bytes > recordBytes) return done(answerOf(ClusterStatus.TOO_LARGE));
    this.#pending.begin(slotOf(request), request.session);
    this.#waiting.push({ request, bytes, done });
    this.#waitingBytes += bytes;
    if (this.#members === undefined) this.#next.noteRequest(this.#waiting.length);
  }

  /** The term has ended. What waits was not written; of what is on its way nobody knows. */
  close(): void {
    this.#isClosed = true;
    this.#leading.stop();
    this.#next.stop();
    const members = this.#members ?? [];
    const waiting = this.#waiting;
    this.#members = undefined;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const status = this.#isSent ? ClusterStatus.UNKNOWN : ClusterStatus.NOT_OWNER;
    for (const { done } of members) done(answerOf(status));
    for (const { done } of waiting) done(answerOf(ClusterStatus.NOT_OWNER));
  }

  /** The term has begun. */
  #begin(): void {
    this.#isReady = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#isReady || this.#isClosed || this.#members !== undefined) return;
    const members = this.#take();
    if (members.length === 0) return;
    this.#members = members;
    this.#isSent = false;
    const { table, limits } = this.#parts;
    findRecords(table, members, limits.batchBytes, (found, count) => {
      if (!this.#isClosed) this.#write(members, found, count);
    });
  }

  /** Takes from what waits as much as one append may need. */
  #take(): readonly WaitingRequest[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(
      (one, i) => (bytes += one.foundBytes ?? one.bytes) > APPEND_BYTES && i > 0,
    );
    const members = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    for (const member of members) this.#waitingBytes -= member.bytes;
    return members;
  }

  #write(
    members: readonly WaitingRequest[],
    found: Found,
    count: number,
  ): void {
    const { term, node, lease, clock, written, settled, limits } = this.#parts;
    const batch = new BatchDecisions(this.#parts, found, this.#late);
    const rest = members.slice(batch.decide(members.slice(0, count)));
    this.#members = members.slice(0, members.length - rest.length);
    this.#waiting = [...rest, ...this.#waiting];
    for (const { bytes } of rest) this.#waitingBytes += bytes;
    const { records, ended } = batch;
    const message = encodeBatch(term, records, limits.batchBytes);
    const startMs = clock.monotonicMs();
    const settle = (sequence = 0) => {
      if (this.#isClosed) return;
      if (!lease.holds()) return void clock.after(RETRY_MS, () => settle(sequence));
      records.forEach((record, i) =>
        written(record, { node, sequence, place: message.places[i]! })
      );
      this.#members = undefined;
      for (const one of ended) this.#answer(one);
      // Without a record there was no append for others to come together in.
      const answeredCount = records.length === 0 ? 0 : ended.length;
      this.#next.noteEnd(answeredCount, this.#waiting.length, clock.monotonicMs() - startMs);
      settled();
    };
    // Conditions that do not hold leave no record; what they have seen is in the table.
    if (records.length === 0) return settle();
    this.#isSent = true;
    this.#append("records", message.bytes, settle);
  }

  #answer({ waiting: { request, done }, answer }: Ended): void {
    const slot = slotOf(request);
    this.#pending.end(slot, request.session);
    if (!this.#pending.has(slot, request.session)) this.#late.forget(request);
    done(answer);
  }

  /** Appends until it is known to be stored, or the term has ended. */
  #append(subject: string, body: Uint8Array, stored: (sequence: number) => void): void {
    const { engine, clock, stream } = this.#parts;
    const ended = (outcome: AppendOutcome) => {
      if (this.#isClosed) return;
      if (outcome.status === "stored") {
        this.#storedSequence = Math.max(this.#storedSequence, outcome.sequence);
        return stored(outcome.sequence);
      }
      clock.after(RETRY_MS, () => {
        if (!this.#isClosed) engine.append(stream, subject, body, undefined, ended);
      });
    };
    engine.append(stream, subject, body, undefined, ended);
  }
}

/** What a request counts for, as it waits: its record, or a small one. */
export function bytesOf(request: ClusterRequest): number {
  const valueBytes = isReading(request) ? 0 : request.value.length;
  return recordBytesMax(request.key.bytes.length, valueBytes);
}
