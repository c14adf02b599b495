/**
 * Merges the log of a far KN into the index: makes the index say what the records say, in the order
 * in which they were logged.
 *
 * Any thread may merge (a DPM processor, the KN itself when its backlog has grown too large, the
 * host when the KN is gone), one at a time: the one that has swapped the EXECUTOR word of the
 * merger's agent block, as for the steps of a KN (agent/executor.ts). How far the log has been
 * merged is in shared memory, so the next one goes on there. Why that is safe:
 *
 * - **Order** (I4). Segments of the log are numbered in the order in which they were filled, and
 *   used bytes are published in that order, so once bytes of segment n + 1 are used those of
 *   segment n are final. Records are merged one by one from the first segment that is not merged to
 *   its end. The records of a key are all in one log, in the order of their versions: a slot is
 *   given to another KN only when the log of the old one has been merged.
 * - **Locks** (I1). A record is merged under its slot's lock, whichever KN owns the slot, like a
 *   cleaner's move. It changes which logged record is the newest *merged* one, never what the
 *   newest record of the key is: that is the KN's business.
 * - **Once** (I5, I8). Merged bytes are stored after each record, under the lock. If a thread dies
 *   in between, its last record is merged again, which changes nothing if it has been done: the
 *   index has the record already, or no record of the key that is older. A record is merged only if
 *   it is newer than what the index says (I9).
 * - **Cells** (I4). Records of a key that several KNs own are in several logs. What becomes of one
 *   is decided by the key's cell: {@linkcode mergeOrder} in routing/cells.ts.
 * - **Space** (I10). A record counts as live from when the index points at it. Until the log is
 *   merged beyond it its segment is open, so it can be neither cleaned nor freed.
 *
 * A record for which the index has no room would stay unmerged, and so would those behind it. KNs
 * admit no new key for which there is no bucket (far_budget.ts).
 *
 * @module
 */
import { Applied, applyRecord } from "../../agent/apply_record.ts";
import {
  NO_ADDRESS,
  NO_SEGMENT,
  type PoolAddress,
  type SegmentId,
  type Slot,
} from "../../core/brands.ts";
import {
  ADDRESS_UNIT_BYTES,
  MERGE_STEP_RECORDS,
  NODE_COUNT_MAX,
  SLOT_SHIFT,
} from "../../core/limits.ts";
import { IndexSpace } from "../../index/index_space.ts";
import { liveTable } from "../../agent/live_table.ts";
import type { SlotTable } from "../../index/slot_table.ts";
import {
  metaKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  SEGMENT_HEADER_BYTES,
} from "../../log/record_layout.ts";
import { forgetDeath } from "../../agent/liveness.ts";
import {
  abandonExecutor,
  agentExecutor,
  enterExecutor,
  Executor,
  leaveExecutor,
} from "../../agent/executor.ts";
import { SlotWriter } from "../../agent/slot_writer.ts";
import {
  AGENT_EXECUTOR,
  AGENT_LOGGED_END,
  AGENT_MERGERS,
  AGENT_REPLACED_SEGMENT,
  SLOT_LOCK,
} from "../../pool/control_layout.ts";
import {
  SEGMENT_AGENT,
  SEGMENT_LOG_NUMBER,
  SEGMENT_MERGED_BYTES,
} from "../../pool/segment_layout.ts";
import { Gate } from "../../pool/gate.ts";
import type { Pool } from "../../pool/pool.ts";
import { raiseSlotVersion } from "../../pool/slot_version.ts";
import { SegmentState } from "../../pool/segment_state.ts";
import { SegmentTable } from "../../pool/segment_table.ts";
import { reservedBuckets } from "./far_budget.ts";
import { isClearInCells, MergeOrder, mergeOrder } from "../../routing/cells.ts";
import { lockAnySlot, unlockSlot } from "../../routing/ownership.ts";

/** What a merger is made of. */
export interface LogMergerOptions {
  readonly pool: Pool;
  /** The agent block of the KN whose log is merged. */
  readonly agent: number;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * The thread that merges: the KN's own, or another one.
   *
   * @default Executor.OWN_THREAD
   */
  readonly executor?: number;
}

/** An agent that merges one KN's log; one step merges a bounded number of records. */
export class LogMerger {
  /** Records that have been looked at, since it was made. */
  mergedCount = 0;
  readonly #pool: Pool;
  readonly #control: Int32Array;
  /** Agent block of the KN, and of its merger. */
  readonly #nodeAgent: number;
  readonly #agent: number;
  readonly #executorAt: number;
  readonly #executor: number;
  readonly #gate: Gate;
  readonly #segments: SegmentTable;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;
  /** The segment that is being merged, and its number in the log. */
  #segment: SegmentId = NO_SEGMENT;
  #number = 0;

  /** Makes a merger; it does nothing until {@linkcode doWork} is called. */
  constructor(options: LogMergerOptions) {
    const { pool, agent, clock } = options;
    this.#pool = pool;
    this.#control = pool.control;
    this.#nodeAgent = agent;
    this.#agent = AGENT_MERGERS + agent;
    this.#executorAt = pool.agentAt(this.#agent) + AGENT_EXECUTOR;
    this.#executor = options.executor ?? Executor.OWN_THREAD;
    this.#gate = new Gate(pool, this.#agent);
    this.#segments = new SegmentTable(pool);
    const space = new IndexSpace(pool, this.#agent, reservedBuckets(pool));
    this.#table = liveTable(pool, space);
    const replacedAt = pool.agentAt(this.#agent) + AGENT_REPLACED_SEGMENT;
    this.#slots = new SlotWriter(pool, this.#table, this.#segments, clock, replacedAt);
  }

  /** Whether anything has been logged that is not merged. */
  get hasWork(): boolean {
    return hasUnmerged(this.#pool, this.#nodeAgent);
  }

  /**
   * Merges a bounded number of records; returns how many: 0 if there is none, or another thread
   * merges, or the pool is paused.
   */
  doWork(): number {
    if (!this.hasWork) return 0;
    if (!enterExecutor(this.#control, this.#executorAt, this.#executor)) return 0;
    let work = 0;
    if (this.#gate.enter()) {
      work = this.#merge(MERGE_STEP_RECORDS);
      this.#gate.leave();
    }
    leaveExecutor(this.#control, this.#executorAt, this.#executor);
    return work;
  }

  /**
   * Merges all that has been logged, for the agent that has paused the pool; false when that was
   * not possible.
   */
  mergeWhilePaused(): boolean {
    if (!this.hasWork) return true;
    // No thread is in a step of a merger, though one may be about to find out that it must not
    // begin one.
    for (let i = 0; i < ENTER_POLLS_MAX; i++) {
      if (!enterExecutor(this.#control, this.#executorAt, this.#executor)) continue;
      while (this.hasWork && this.#merge(MERGE_STEP_RECORDS) > 0);
      this.#table.giveBack();
      leaveExecutor(this.#control, this.#executorAt, this.#executor);
      break;
    }
    return !this.hasWork;
  }

  /** Ends this thread's part in the merger, if no other thread executes for it just now. */
  end(): void {
    if (!enterExecutor(this.#control, this.#executorAt, this.#executor)) return;
    if (this.#gate.enter()) {
      this.#table.giveBack();
      this.#gate.leave();
    }
    leaveExecutor(this.#control, this.#executorAt, this.#executor);
  }

  #merge(countMax: number): number {
    let count = 0;
    while (count < countMax) {
      const segment = this.#currentSegment();
      if (segment === NO_SEGMENT) break;
      const mergedAt = this.#pool.segmentAt(segment) + SEGMENT_MERGED_BYTES;
      const usedBytes = this.#segments.usedBytes(segment);
      const start = this.#pool.segmentAddress(segment) >>> 0;
      let bytes = Math.max(this.#control[mergedAt], SEGMENT_HEADER_BYTES);
      while (count < countMax && bytes < usedBytes) {
        const address = ((start + bytes / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
        const words = this.#pool.wordsOf(address);
        const at = this.#pool.wordAt(address);
        const meta = words[at + RECORD_META];
        bytes += recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4;
        if (!this.#mergeRecord(address, words, at, mergedAt, bytes)) return count;
        count += 1;
      }
    }
    this.mergedCount += count;
    return count;
  }

  /** The first segment of the log that is not merged to its end. */
  #currentSegment(): SegmentId {
    // By its number: it may have been merged, freed and filled again since, with segments before it
    // that are not merged.
    const isCurrent = this.#isOfLog(this.#segment) &&
      this.#numberOf(this.#segment) === this.#number;
    if (isCurrent && this.#hasRest(this.#segment)) return this.#segment;
    // The KN may have filled one segment and begun the next between two looks. Once bytes of the
    // next have been seen, those of the segments before it are final, and are seen by a second
    // look.
    const seen = this.#firstWithRest(Infinity);
    this.#segment = seen === NO_SEGMENT ? seen : this.#firstWithRest(this.#numberOf(seen));
    this.#number = this.#segment === NO_SEGMENT ? 0 : this.#numberOf(this.#segment);
    return this.#segment;
  }

  /**
   * The segment of the log that has the lowest number, up to `numberMax`, and is not merged to its
   * end.
   */
  #firstWithRest(numberMax: number): SegmentId {
    let first = NO_SEGMENT;
    let firstNumber = numberMax;
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      if (!this.#isOfLog(segment)) continue;
      const number = this.#numberOf(segment);
      if (number > firstNumber || !this.#hasRest(segment)) continue;
      first = segment;
      firstNumber = number;
    }
    return first;
  }

  #numberOf(segment: SegmentId): number {
    return this.#control[this.#pool.segmentAt(segment) + SEGMENT_LOG_NUMBER];
  }

  #isOfLog(segment: SegmentId): boolean {
    if (segment === NO_SEGMENT || this.#segments.state(segment) !== SegmentState.OPEN) return false;
    const at = this.#pool.segmentAt(segment);
    return this.#control[at + SEGMENT_AGENT] === this.#nodeAgent &&
      this.#control[at + SEGMENT_LOG_NUMBER] !== 0;
  }

  #hasRest(segment: SegmentId): boolean {
    const merged = this.#control[this.#pool.segmentAt(segment) + SEGMENT_MERGED_BYTES];
    return Math.max(merged, SEGMENT_HEADER_BYTES) < this.#segments.usedBytes(segment);
  }

  /**
   * Merges one record, and publishes that it is; false when its slot is locked for long, or the
   * index is full.
   */
  #mergeRecord(
    address: PoolAddress,
    words: Int32Array,
    at: number,
    mergedAt: number,
    mergedBytes: number,
  ): boolean {
    const control = this.#control;
    const kind = metaKind(words[at + RECORD_META]);
    if (kind !== RecordKind.PUT && kind !== RecordKind.DELETE && kind !== RecordKind.CLEAR) {
      // The header of a frame, or a record that could not be made durable.
      Atomics.store(control, mergedAt, mergedBytes);
      return true;
    }
    const slotAt = this.#pool.slotAt((words[at + RECORD_HASH] >>> SLOT_SHIFT) as Slot);
    const owner = lockAnySlot(control, slotAt + SLOT_LOCK, this.#agent);
    if (owner === undefined) return false;
    const isMerged = this.#apply(kind, slotAt, address, words, at);
    // Pairs with the KN's load before it drops what it remembers of the record
    // (far/log/unmerged_log.ts).
    if (isMerged) Atomics.store(control, mergedAt, mergedBytes);
    unlockSlot(control, slotAt + SLOT_LOCK, owner);
    return isMerged;
  }

  /** Makes the index say what a record says; false when it has no room. */
  #apply(
    kind: number,
    slotAt: number,
    address: PoolAddress,
    words: Int32Array,
    at: number,
  ): boolean {
    const hash = words[at + RECORD_HASH];
    if (kind === RecordKind.CLEAR) {
      const slot = (hash >>> SLOT_SHIFT) as Slot;
      if (!isClearInCells(this.#pool, slot, words[at + RECORD_VERSION_LOW])) return false;
      return applyRecord(this.#slots, address) === Applied.DONE;
    }
    const order = mergeOrder(this.#pool, words, at);
    if (order === MergeOrder.NEWER) return false;
    if (order === MergeOrder.OLDER) return true;
    if (order === MergeOrder.CURRENT) {
      raiseSlotVersion(this.#control, slotAt, this.#slots.versionOf(address));
    }
    return applyRecord(this.#slots, address) !== Applied.NO_ROOM;
  }
}

/** Attempts to begin while the pool is paused. */
const ENTER_POLLS_MAX = 1 << 20;

/**
 * Says that the thread that merges in the name of an agent will do no more, and may have died, or
 * thrown, in the middle of a step: the M-node ends that (recovery/merger_recovery.ts). Does nothing
 * to a merger that another agent has.
 */
export function abandonMergers(pool: Pool, agent: number): void {
  for (let node = 0; node < NODE_COUNT_MAX; node++) {
    const at = pool.agentAt(AGENT_MERGERS + node) + AGENT_EXECUTOR;
    abandonExecutor(pool.control, at, agentExecutor(agent));
  }
}

/**
 * Says that a DPM processor that merged the log of a KN has died, or thrown; before another one
 * begins to. Does nothing if that was known already.
 */
export function endMerging(pool: Pool, nodeAgent: number): void {
  const agent = AGENT_MERGERS + nodeAgent;
  abandonMergers(pool, agent);
  forgetDeath(pool, agent);
}

/** Where the log of a KN ends now; `NO_ADDRESS` if it is empty. */
export function loggedEnd(pool: Pool, agent: number): PoolAddress {
  return Atomics.load(pool.control, pool.agentAt(agent) + AGENT_LOGGED_END) as PoolAddress;
}

/**
 * Whether the log of a KN has been merged up to a place that {@linkcode loggedEnd} has returned
 * before.
 */
export function isMergedUpTo(pool: Pool, agent: number, end: PoolAddress): boolean {
  if (end === NO_ADDRESS) return true;
  // The end of the last record may be the start of the next segment.
  const segment = pool.segmentOf((end - 1) as PoolAddress);
  const at = pool.segmentAt(segment);
  const bytes = ((end >>> 0) - (pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
  if (Atomics.load(pool.control, at + SEGMENT_MERGED_BYTES) >= bytes) return true;
  // A segment of the log that is not open any more has been merged.
  const isOpen = new SegmentTable(pool).state(segment) === SegmentState.OPEN;
  return !isOpen || pool.control[at + SEGMENT_AGENT] !== agent ||
    pool.control[at + SEGMENT_LOG_NUMBER] === 0;
}

/** Whether a KN has logged anything that is not merged. */
export function hasUnmerged(pool: Pool, agent: number): boolean {
  return !isMergedUpTo(pool, agent, loggedEnd(pool, agent));
}
