/**
 * The model of space: how much live data a pool may hold, when cleaning has to begin, and which
 * segments it gains from.
 *
 * ```text
 *   segment   | header | record | dead record | record | ...        tail |
 *             |<------------------ used ------------------>|<--- lost or unfilled --->|
 * ```
 *
 * - **Live** bytes are those of records that the index points at, and of reservations.
 * - **Used** bytes are what has been appended: live bytes, dead ones, and headers.
 * - The tail is **lost** if the segment is full: it was left because the next record did not fit.
 *   Whatever holds such records loses about as much, so a live record of a full segment *occupies*
 *   its part of the tail, too.
 * - The tail is **unfilled** if the segment was sealed before it was full: its KN was retired or
 *   died, or the store was closed, or killed. It occupies nothing, and is gained when the segment
 *   is cleaned.
 *
 * **The rule.** New data is admitted while what all live records occupy stays below the lower of
 *
 * ```text
 *   (segments - PUT_SEGMENT_RESERVE - KNs) * segmentBytes * (LIVE_SHARE_MAX - CLEANING_GAIN_MIN)
 *   (segments - PUT_SEGMENT_RESERVE - KNs - shared cleaners) * segmentBytes * (1 - CLEANING_GAIN_MIN)
 * ```
 *
 * Replacing a record by one that is not larger, and deleting, are always admitted. What a full
 * segment loses is less than the record that did not fit, so records of up to `r` bytes fit as long
 * as their sum is below that limit times `1 - r / segmentBytes`, whatever has happened to the pool
 * before. The first bounds the cost of cleaning: with a share of 0.9 it copies about ten bytes for
 * each byte it gains at most. The second is what there is to gain at all, and is the lower one
 * where segments are few.
 *
 * **Cleaning gains** from a sealed segment what is neither live nor lost: dead records, and an
 * unfilled tail ({@linkcode gainShareOf}). A gain counts from CLEANING_GAIN_BYTES_MIN and
 * CLEANING_GAIN_MIN on.
 *
 * **Cleaning ends**, if nothing is written meanwhile. Let W be the sum over all sealed segments of
 * what is neither live nor lost. Cleaning a victim takes its gain out of W. What it adds is what
 * the segments that it fills have when they are sealed, for they are sealed when they are full: a
 * header for each segment, and a frame for each step of the cleaner and segment. A gain that counts
 * is more than that (cleaner.ts asserts it). So W falls with each victim, and a record is not moved
 * for ever. Only an agent that seals a segment early adds an unfilled tail to W, and that takes a
 * KN, or a thread that cleans, that ends. In which order victims are taken does not matter.
 *
 * **What is admitted finds room.** A KN that finds no segment for a put gives up its own open one,
 * if cleaning that would gain something, and cleans as long as there is a victim. So when it has to
 * give up, no sealed segment has a gain that counts, nor has its own. Count what is not among
 * these: the free segments, PUT_SEGMENT_RESERVE of them at most; the open one of each other KN, KNs
 * - 1; one of the DPM processors' cleaner, and one of each cleaner that KNs share. All others are
 * occupied but for CLEANING_GAIN_MIN: that is the second limit. A victim that a cleaner has claimed
 * and left is finished by the KN itself, which acts as that cleaner (dpm/shared_cleaners.ts); while
 * another thread acts as it the KN waits. And there is a segment to clean to, as puts and deletes
 * leave the last free one to cleaners, which exchange it for another (dpm/cleaner.ts).
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";
import {
  CLEANER_COUNT_MAX,
  CLEANING_GAIN_BYTES_MIN,
  CLEANING_GAIN_MIN,
  LIVE_SHARE_MAX,
  PUT_SEGMENT_RESERVE,
  SEGMENTS_PER_CLEANER,
} from "../core/limits.ts";
import { GATE_NODE_COUNT } from "./control_layout.ts";
import type { Pool } from "./pool.ts";
import type { SegmentTable } from "./segment_table.ts";
import { evicts } from "./when_full.ts";
import { occupiedBytesTotal } from "./segment_tails.ts";

/**
 * Admissions for which one sum over the segments is good: the sum costs a microsecond per 1,000
 * segments.
 */
const SUM_VALID_FOR = 32;
/** Share of the segments that cleaning keeps free beside the reserve, and one for each KN. */
const CLEAN_AHEAD_SHARE = 1 / 32;

/** One thread's view of the budget. */
export class SpaceBudget {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  #occupiedBytesSeen = 0;
  #admissionsLeft = 0;

  /** The budget of a pool. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#pool = pool;
    this.#segments = segments;
  }

  /** Live bytes beyond which new data is refused. */
  get liveBytesMax(): number {
    const { segmentLimit, geometry, control } = this.#pool;
    const nodeCount = Atomics.load(control, GATE_NODE_COUNT);
    return liveBytesMax(segmentLimit, geometry.segmentBytes, nodeCount);
  }

  /**
   * Whether free segments, and those that the next checkpoint frees, are so few that live data
   * could exceed the budget: before that, there is nothing to compute.
   */
  get isScarce(): boolean {
    const { segmentLimit } = this.#pool;
    const nodeCount = Atomics.load(this.#pool.control, GATE_NODE_COUNT);
    const scarceCount = Math.ceil(segmentLimit * (1 - LIVE_SHARE_MAX)) + PUT_SEGMENT_RESERVE +
      nodeCount + 1;
    return this.#availableCount < scarceCount;
  }

  /**
   * Free segments below which cleaning is due. Few: what is free is not among the sealed segments,
   * where it would let records die before their segment is cleaned. And enough for what KNs fill
   * until a cleaner has come up with the next ones.
   */
  get dueCount(): number {
    const nodeCount = Atomics.load(this.#pool.control, GATE_NODE_COUNT);
    const aheadCount = Math.ceil(this.#pool.segmentLimit * CLEAN_AHEAD_SHARE);
    return PUT_SEGMENT_RESERVE + 1 + nodeCount + aheadCount;
  }

  /** Whether free segments, and those that the next checkpoint frees, are fewer than that. */
  get isCleaningDue(): boolean {
    return this.#availableCount < this.dueCount;
  }

  get #availableCount(): number {
    return this.#segments.freeCount + this.#segments.pendingCount;
  }

  /** Whether so few segments are free that appending must slow down in favour of cleaning. */
  get isCritical(): boolean {
    return this.#segments.freeCount <= PUT_SEGMENT_RESERVE + 1;
  }

  /**
   * Whether what is live leaves cleaning something to gain, so that there is a free segment sooner
   * or later. That is so in a full pool, too, in which overwrites go on; admissions by several KNs
   * may have passed the budget by a few records.
   */
  get canGain(): boolean {
    if (evicts(this.#pool)) return true;
    const { segmentBytes } = this.#pool.geometry;
    return occupiedBytesTotal(this.#pool, this.#segments) <= this.liveBytesMax + segmentBytes;
  }

  /** Whether `bytes` of new live data may be added. */
  admits(bytes: number): boolean {
    // In a pool that evicts there will be room, whatever is live.
    if (!this.isScarce || evicts(this.#pool)) {
      this.#admissionsLeft = 0;
      return true;
    }
    const limit = this.liveBytesMax;
    if (this.#admissionsLeft === 0 || this.#occupiedBytesSeen + bytes > limit) {
      this.#occupiedBytesSeen = occupiedBytesTotal(this.#pool, this.#segments);
      this.#admissionsLeft = SUM_VALID_FOR;
    }
    this.#admissionsLeft -= 1;
    if (this.#occupiedBytesSeen + bytes > limit) return false;
    this.#occupiedBytesSeen += bytes;
    return true;
  }
}

/**
 * What cleaning a segment gains, as a share of what it could hold of its records; 0 if that is not
 * worth it.
 *
 * @param lostBytes what is lost at its end
 */
export function gainShareOf(
  pool: Pool,
  segments: SegmentTable,
  segment: SegmentId,
  lostBytes: number = segments.lostBytes(segment),
): number {
  const fillableBytes = pool.geometry.segmentBytes - lostBytes;
  const gain = fillableBytes - segments.liveBytes(segment);
  const isWorthIt = gain >= Math.max(CLEANING_GAIN_BYTES_MIN, fillableBytes * CLEANING_GAIN_MIN);
  return isWorthIt ? gain / fillableBytes : 0;
}

/** How many cleaners the KNs of a pool with so many segments share. */
export function sharedCleanerCount(segmentCount: number): number {
  const count = Math.floor(segmentCount / SEGMENTS_PER_CLEANER);
  return Math.min(CLEANER_COUNT_MAX, Math.max(1, count));
}

/** Live bytes that a pool with these sizes admits. */
export function liveBytesMax(
  segmentCount: number,
  segmentBytes: number,
  nodeCount: number,
): number {
  const usable = segmentCount - PUT_SEGMENT_RESERVE - nodeCount;
  const affordable = Math.max(0, usable) * (LIVE_SHARE_MAX - CLEANING_GAIN_MIN);
  // What is left when all that can be gained has been gained.
  const cleanable = Math.max(0, usable - sharedCleanerCount(segmentCount)) *
    (1 - CLEANING_GAIN_MIN);
  return Math.floor(Math.min(affordable, cleanable) * segmentBytes);
}
