/**
 * What a KN does about each request: the one path that every change takes, in both placements.
 *
 * A change, and why it is safe:
 *
 * 1. **Append.** Reserve a record in the KN's open segment and copy it there. No reader can see it
 *    yet.
 * 2. **Lock** the slot by swapping the owner word that the request carries (I1, I4;
 *    routing/ownership.ts). If the slot has moved the record is cancelled, and the client sends the
 *    request to the new owner. Appending comes first because it may clean, and a cleaner locks
 *    slots.
 * 3. **Admit.** Find what the change replaces; check its condition; if the record is to be made
 *    from what it replaces, make it (derived_records.ts); check that there is room for what it
 *    adds.
 * 4. **Commit** (commit_policy.ts): give the record the next version (I9), prepare the answer in
 *    the ring (from here on the change is made even if this thread dies, I5), make it durable,
 *    point the index at it, which is complete by then (I2), answer, and unlock.
 *
 * A commit of several keys has steps of its own: atomic_commits.ts.
 *
 * A request that has to wait says for what, and is put back into its ring with all behind it;
 * nothing of it is left in the pool.
 *
 * A value too large for a ring is written by its client: RESERVE makes room for it, in a segment
 * that is pinned until COMMIT. Where the log is not written to a file the room is in the log, and
 * COMMIT is a change without step 1. Otherwise it would be a hole in the log until then; so it is
 * in a segment of its own, and COMMIT copies it.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import { DELETE_SEGMENT_RESERVE, PUT_SEGMENT_RESERVE } from "../core/limits.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  metaWithKind,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
  valueWord,
} from "../log/record_layout.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { RequestConsumer } from "../rings/request_consumer.ts";
import {
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { isUnavailable, Lock } from "../routing/ownership.ts";
import type { AtomicCommits } from "./atomic_commits.ts";
import { Change } from "./change.ts";
import { type CommitPolicy, type LogSpace, Outcome } from "./commit_policy.ts";
import type { DerivedRecords } from "./derived_records.ts";

/** What requests are executed with: the parts of their KN. */
export interface RequestPipelineOptions {
  readonly pool: Pool;
  readonly segments: SegmentTable;
  readonly log: LogWriter;
  /** Makes the records in that log that are made here. */
  readonly derived: DerivedRecords;
  readonly space: LogSpace;
  readonly commit: CommitPolicy;
  readonly counters: AgentCounters;
  /** The image, if what is written has to be logged there. */
  readonly file: LogFile | undefined;
  /** Makes changes of several keys, in the near placement. */
  readonly atomic?: AtomicCommits | undefined;
}

/** Executes the changes that clients ask one KN for. */
export class RequestPipeline {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #log: LogWriter;
  readonly #derived: DerivedRecords;
  readonly #space: LogSpace;
  readonly #commit: CommitPolicy;
  readonly #counters: AgentCounters;
  readonly #file: LogFile | undefined;
  readonly #atomic: AtomicCommits | undefined;
  readonly #change = new Change();
  readonly #commitsInPlace: boolean;

  /** Executes requests with the parts of a KN. */
  constructor(options: RequestPipelineOptions) {
    this.#pool = options.pool;
    this.#segments = options.segments;
    this.#log = options.log;
    this.#derived = options.derived;
    this.#space = options.space;
    this.#commit = options.commit;
    this.#counters = options.counters;
    this.#file = options.file;
    this.#atomic = options.atomic;
    this.#commitsInPlace = options.commit.staging === options.log;
  }

  /** Executes the request at an index of a ring. */
  execute(consumer: RequestConsumer, at: number): Outcome {
    const ring = consumer.words;
    const operation = operationOf(ring[at + REQUEST_OPERATION]);
    if (operation === Operation.RESERVE) return this.#reserve(consumer, ring, at);
    if (operation === Operation.ATOMIC) return this.#atomic!.execute(consumer, consumer.words, at);
    const change = this.#change;
    change.read(this.#pool, ring, at);
    if (this.#file !== undefined && this.#file.hasFailed) {
      return this.#refuse(consumer, Status.NOT_DURABLE, change.staged);
    }
    return this.#make(consumer, change);
  }

  /**
   * Reserves a record whose value is written by its client, or for its client, and pins its segment
   * meanwhile.
   *
   * @param from where the record is in the request: whose it is, and the key
   * @param meta META word of the record that is reserved
   * @returns `NO_ADDRESS` when there is no segment
   */
  stage(ring: Int32Array, from: number, meta: number, valueBytes: number): PoolAddress {
    const { staging } = this.#commit;
    const length = recordWords(meta, valueBytes);
    const address = this.#space.reserve(staging, length, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) return address;
    const words = this.#pool.wordsOf(address);
    const to = this.#pool.wordAt(address);
    // An expiry time behind the key is copied, too, or written later.
    copyWords(ring, from, words, to, valueWord(ring[from + RECORD_META]));
    words[to + RECORD_VALUE_BYTES] = valueBytes;
    words[to + RECORD_META] = metaWithKind(meta, RecordKind.RESERVATION);
    this.#segments.pin(address);
    this.#segments.addLive(address, length * 4);
    if (!this.#commitsInPlace) staging.settle();
    return address;
  }

  /** What becomes of a request for which there is no segment: it waits, or is refused. */
  withoutSegment(consumer: RequestConsumer, staged: PoolAddress): Outcome {
    const outcome = this.#space.whenFull();
    return outcome === Outcome.DONE ? this.#refuse(consumer, Status.LOG_FULL, staged) : outcome;
  }

  #make(consumer: RequestConsumer, change: Change): Outcome {
    const commit = this.#commit;
    if (!commit.mayJoin(change)) return Outcome.WAITS;
    if (!this.#append(change)) return this.withoutSegment(consumer, change.staged);
    const lock = commit.lock(change);
    const verdict = lock === Lock.TAKEN ? commit.admit(change) : this.#verdictOf(lock, change);
    if (verdict === Status.OK) {
      commit.commit(consumer, change);
      return Outcome.DONE;
    }
    if (!this.#isInPlace(change)) this.#giveBack(change);
    if (verdict === Status.MOVED) this.#counters.add(AgentCounter.MOVED, 1);
    if (verdict >= Status.OK) commit.refuse(consumer, verdict, change.staged);
    if (lock === Lock.TAKEN) commit.release(change);
    return verdict >= Status.OK ? Outcome.DONE : verdict as Outcome;
  }

  /**
   * Copies the record of a change into the log, unless it is there already; false if there is no
   * segment.
   */
  #append(change: Change): boolean {
    const { staged, source, from, isPut } = change;
    if (this.#isInPlace(change)) {
      change.place(this.#pool, staged);
      return true;
    }
    const segmentReserve = isPut ? PUT_SEGMENT_RESERVE : DELETE_SEGMENT_RESERVE;
    const { length } = change;
    if (change.isDerived) change.length = Math.max(length, this.#derived.wantedWords);
    const address = this.#space.reserve(this.#log, change.length, segmentReserve);
    if (address === NO_ADDRESS) return false;
    change.place(this.#pool, address);
    copyWords(source, from, change.record, change.to, length);
    if (staged !== NO_ADDRESS) {
      const at = change.to + RECORD_META;
      change.record[at] = metaWithKind(change.record[at], RecordKind.PUT);
      change.takeName();
    }
    return true;
  }

  /** Gives back the space of a record that is not committed, unless that was done already. */
  #giveBack({ address, length }: Change): void {
    if (address !== NO_ADDRESS) this.#log.cancel(address, length);
  }

  /** Whether the record is where its client has written it, in the log. */
  #isInPlace(change: Change): boolean {
    return this.#commitsInPlace && change.staged !== NO_ADDRESS;
  }

  #reserve(consumer: RequestConsumer, ring: Int32Array, at: number): Outcome {
    if (this.#file !== undefined && this.#file.hasFailed) {
      return this.#refuse(consumer, Status.NOT_DURABLE, NO_ADDRESS);
    }
    const from = at + REQUEST_RECORD;
    const address = this.stage(
      ring,
      from,
      ring[from + RECORD_META],
      ring[from + RECORD_VALUE_BYTES],
    );
    if (address === NO_ADDRESS) return this.withoutSegment(consumer, NO_ADDRESS);
    this.#commit.answerReserved(consumer, address);
    return Outcome.DONE;
  }

  /**
   * What a lock that was not taken means for a request: it waits for the holder, until the M-node
   * says that this takes too long.
   */
  #verdictOf(lock: number, change: Change): number {
    if (lock === Lock.MOVED) return Status.MOVED;
    return isUnavailable(this.#pool, change.slot) ? Status.UNAVAILABLE : Outcome.WAITS;
  }

  #refuse(consumer: RequestConsumer, status: number, staged: PoolAddress): Outcome {
    this.#commit.refuse(consumer, status, staged);
    return Outcome.DONE;
  }
}
