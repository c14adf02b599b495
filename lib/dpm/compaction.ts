/**
 * Compaction: moves live records from the segments at the pool's end to the lowest free ones, so
 * that what is behind them can be given back: the image's end to the file system
 * (persistence/checkpointer.ts), and pages to the operating system (memory_release.ts).
 *
 * It is cleaning with two other choices of victims, one after the other:
 *
 * 1. The emptiest segment, as long as cleaning it gains a part of it that counts: what is live is
 *    packed. It ends like any cleaning (pool/space_budget.ts).
 * 2. The highest sealed segment, as long as a lower one is free, whether that gains anything or
 *    not. Each victim is lower than the one before, and a free segment is taken from the lowest end
 *    (pool/free_segments.ts), so there are as many as there are segments at most.
 *
 * So a live record is moved twice at most. Writers find as many free segments as cleaning would
 * keep for them.
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { CLEANER_COUNT_MAX, LIVE_SHARE_MAX, PUT_SEGMENT_RESERVE } from "../core/limits.ts";
import { GATE_NODE_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { occupiedBytesTotal } from "../pool/segment_tails.ts";
import { gainShareOf, SpaceBudget } from "../pool/space_budget.ts";
import type { VictimPolicy } from "./victims.ts";

/** Share of a segment that packing must gain. */
const PACKING_GAIN_MIN = 0.15;

/** Takes the emptiest segments. */
export class EmptiestVictims implements VictimPolicy {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;

  /** Takes them from a pool. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#pool = pool;
    this.#segments = segments;
    this.#budget = new SpaceBudget(pool, segments);
  }

  next(mayClean: (segment: SegmentId) => boolean): SegmentId {
    if (this.#segments.freeCount <= this.#budget.dueCount) return NO_SEGMENT;
    let best = NO_SEGMENT;
    let bestGain = PACKING_GAIN_MIN;
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      if (!isMovable(this.#segments, segment)) continue;
      const gain = gainShareOf(this.#pool, this.#segments, segment);
      if (gain <= bestGain || !mayClean(segment)) continue;
      best = segment;
      bestGain = gain;
    }
    return best;
  }
}

/** Takes victims from the pool's end. */
export class DownwardVictims implements VictimPolicy {
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  /** Segments from there on are not looked at again. */
  #end: number;

  /** Begins at the end of a pool. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#segments = segments;
    this.#budget = new SpaceBudget(pool, segments);
    this.#end = pool.segmentLimit;
  }

  next(mayClean: (segment: SegmentId) => boolean): SegmentId {
    const segments = this.#segments;
    if (segments.freeCount <= this.#budget.dueCount) return NO_SEGMENT;
    const target = segments.nextFree;
    if (target === NO_SEGMENT) return NO_SEGMENT;
    while (--this.#end > target) {
      const segment = this.#end as SegmentId;
      if (isMovable(segments, segment) && mayClean(segment)) return segment;
    }
    return NO_SEGMENT;
  }
}

function isMovable(segments: SegmentTable, segment: SegmentId): boolean {
  return segments.state(segment) === SegmentState.SEALED && !segments.isPinned(segment) &&
    !segments.isStaging(segment);
}

/** Segments from the start up to the last one that is in use. */
export function occupiedCount(pool: Pool, segments: SegmentTable): number {
  for (let count = pool.segmentLimit; count > 0; count--) {
    if (segments.state((count - 1) as SegmentId) !== SegmentState.FREE) return count;
  }
  return 0;
}

/** Segments that what is live would need, with those that are held open or in reserve. */
export function neededCount(pool: Pool, segments: SegmentTable): number {
  const { segmentBytes } = pool.geometry;
  const nodeCount = Atomics.load(pool.control, GATE_NODE_COUNT);
  const liveCount = occupiedBytesTotal(pool, segments) / (segmentBytes * LIVE_SHARE_MAX);
  return Math.ceil(liveCount) + nodeCount + CLEANER_COUNT_MAX + PUT_SEGMENT_RESERVE + 1;
}

/**
 * Whether compacting a pool is worth its cost without being asked for: more than half of what it
 * occupies would be given back, and that is a part of its capacity that counts.
 */
export function isCompactionDue(pool: Pool, segments: SegmentTable): boolean {
  const occupied = occupiedCount(pool, segments);
  const surplus = occupied - neededCount(pool, segments);
  return surplus > occupied / 2 && surplus > pool.segmentLimit * SURPLUS_SHARE_MIN;
}

/** See {@linkcode isCompactionDue}. */
const SURPLUS_SHARE_MIN = 1 / 8;
