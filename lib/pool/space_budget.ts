/**
 * How much live data a pool may hold, and when cleaning has to begin.
 *
 * A log-structured pool whose live data fills every segment cannot be cleaned: there is nothing to gain and
 * nowhere to copy to. So new data is admitted only while the live bytes stay below a share of the segments that are
 * neither in reserve nor open; replacing and deleting is always admitted. What is left keeps the cost
 * of cleaning bounded: at a share of 0.9 it copies at most ten bytes for each byte it gains.
 *
 * @module
 */
import { CLEANING_GAIN_MIN, LIVE_SHARE_MAX, PUT_SEGMENT_RESERVE } from "../core/limits.ts";
import { GATE_NODE_COUNT } from "./control_layout.ts";
import type { Pool } from "./pool.ts";
import type { SegmentTable } from "./segment_table.ts";

/** Admissions for which one sum over the segments is good: the sum costs a microsecond per 1,000 segments. */
const SUM_VALID_FOR = 32;

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
    return liveBytesMax(
      this.#pool.geometry.segmentCount,
      this.#pool.geometry.segmentBytes,
      Atomics.load(this.#pool.control, GATE_NODE_COUNT),
    );
  }

  /** Free segments below which live data could exceed the budget: the number to compute anything at all. */
  get scarceCount(): number {
    const { segmentCount } = this.#pool.geometry;
    const nodeCount = Atomics.load(this.#pool.control, GATE_NODE_COUNT);
    return Math.ceil(segmentCount * (1 - LIVE_SHARE_MAX)) + PUT_SEGMENT_RESERVE + nodeCount + 1;
  }

  /** Whether free segments, and those that the next checkpoint frees, are few enough that cleaning is due. */
  get isScarce(): boolean {
    return this.#segments.freeCount + this.#segments.pendingCount < this.scarceCount;
  }

  /** Whether so few segments are free that appending must slow down in favour of cleaning. */
  get isCritical(): boolean {
    return this.#segments.freeCount <= PUT_SEGMENT_RESERVE + 1;
  }

  /**
   * Whether what is live leaves cleaning something to gain, so that there is a free segment sooner or later. That is so in a full pool,
   * too, in which overwrites go on; admissions by several KNs may have passed the budget by a few records.
   */
  get canGain(): boolean {
    const { segmentBytes } = this.#pool.geometry;
    return this.#segments.occupiedBytesTotal() <= this.liveBytesMax + segmentBytes;
  }

  /** Whether `bytes` of new live data may be added. */
  admits(bytes: number): boolean {
    if (!this.isScarce) {
      this.#admissionsLeft = 0;
      return true;
    }
    const limit = this.liveBytesMax;
    if (this.#admissionsLeft === 0 || this.#occupiedBytesSeen + bytes > limit) {
      this.#occupiedBytesSeen = this.#segments.occupiedBytesTotal();
      this.#admissionsLeft = SUM_VALID_FOR;
    }
    this.#admissionsLeft -= 1;
    if (this.#occupiedBytesSeen + bytes > limit) return false;
    this.#occupiedBytesSeen += bytes;
    return true;
  }
}

/** Live bytes that a pool with these sizes admits. */
export function liveBytesMax(
  segmentCount: number,
  segmentBytes: number,
  nodeCount: number,
): number {
  const usable = segmentCount - PUT_SEGMENT_RESERVE - nodeCount;
  return Math.floor(Math.max(0, usable) * segmentBytes * (LIVE_SHARE_MAX - CLEANING_GAIN_MIN));
}
