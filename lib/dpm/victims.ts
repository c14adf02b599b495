/**
 * Which sealed segment is cleaned next.
 *
 * By cost and benefit (Rosenblum, Ousterhout: The Design and Implementation of a Log-structured
 * File System, SOSP '91; with the denominator of RAMCloud, FAST '14): of the segments from which
 * cleaning gains, the one with the highest
 *
 * ```text
 *   (1 - u) * age / (1 + u)        u: share of it that is live
 * ```
 *
 * Cleaning it reads and writes `1 + u` for a gain of `1 - u`; and what has become old is likely to
 * stay live, so that the gain lasts, while in a young segment more will die soon. The age is
 * counted in segments that have been taken since this one was.
 *
 * A policy decides in which order victims are taken, never whether a segment is one: that is what
 * cleaning ends by (pool/space_budget.ts).
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { SEGMENTS_OPENED } from "../pool/control_layout.ts";
import { SEGMENT_BIRTH } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { gainShareOf } from "../pool/space_budget.ts";

/** Decides which segment is cleaned next. */
export interface VictimPolicy {
  /**
   * The next victim.
   *
   * @param mayClean whether a segment may be cleaned now, and there is room for what is live in it
   * @returns a sealed segment, which another cleaner may claim first; `NO_SEGMENT` if cleaning none
   *   gains anything
   */
  next(mayClean: (segment: SegmentId) => boolean): SegmentId;
}

/** Takes victims by cost and benefit. */
export class CostBenefit implements VictimPolicy {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;

  /** Takes them from a pool. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#pool = pool;
    this.#segments = segments;
  }

  next(mayClean: (segment: SegmentId) => boolean): SegmentId {
    let best = NO_SEGMENT;
    let bestScore = 0;
    const now = Atomics.load(this.#pool.control, SEGMENTS_OPENED);
    for (let i = 0, end = this.#pool.segmentLimit; i < end; i++) {
      const segment = i as SegmentId;
      if (this.#segments.state(segment) !== SegmentState.SEALED) continue;
      if (this.#segments.isPinned(segment)) continue;
      const score = this.#scoreOf(segment, now);
      if (score <= bestScore || !mayClean(segment)) continue;
      best = segment;
      bestScore = score;
    }
    return best;
  }

  /** Benefit by cost of cleaning a segment; 0 if it gains nothing that counts. */
  #scoreOf(segment: SegmentId, now: number): number {
    const gain = gainShareOf(this.#pool, this.#segments, segment);
    const age = (now - this.#pool.control[this.#pool.segmentAt(segment) + SEGMENT_BIRTH]) >>> 0;
    // One that was taken last has an age, too: whether it is a victim does not depend on it.
    return gain * (age + 1) / (2 - gain);
  }
}
