/**
 * Free segments that are withheld from all takers, while a thread gives back what they occupy: the
 * end of a file, or pages of memory.
 *
 * A segment is withheld by taking it out of the set of free ones, as an agent does that is about to
 * open it (free_segments.ts). So from then on until it is given back no other thread writes into
 * it, in memory or in a file; and nothing of it is wanted: neither an index word, nor a checkpoint,
 * nor a replay of the log reaches what is in a free segment (I10), and a reader that is late in it
 * finds its generation bumped (I6), whatever it has read meanwhile.
 *
 * **The thread holds the checkpoint lock.** A repair of the pool's books returns what is free and
 * not in the set, as what a dead taker has left, and would give withheld segments to others. It
 * takes that lock, so it waits; and if the thread dies, the lock is given up for it, and the repair
 * does exactly that (recovery/reconciliation.ts).
 *
 * Enough of them are left for writers, so none waits.
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { FreeSegments } from "./free_segments.ts";
import type { Pool } from "./pool.ts";
import { SegmentTable } from "./segment_table.ts";
import { SpaceBudget } from "./space_budget.ts";

/** What one thread withholds. */
export class WithheldSegments {
  /** The withheld ones, the highest first. */
  readonly segments: SegmentId[] = [];
  readonly #free: FreeSegments;
  readonly #pool: Pool;
  readonly #reserve: number;

  /** Withholds nothing yet. The calling thread holds the checkpoint lock, and keeps it. */
  constructor(pool: Pool) {
    this.#free = new FreeSegments(pool);
    this.#pool = pool;
    this.#reserve = new SpaceBudget(pool, new SegmentTable(pool)).dueCount;
  }

  /**
   * Withholds the segments at the pool's end, as far as all of them are free.
   *
   * @returns the lowest; the number of all segments if the last one is not free
   */
  withholdTail(): number {
    for (let segment = this.#pool.segmentLimit - 1; segment >= 0; segment--) {
      if (!this.#free.takeOne(segment as SegmentId, this.#reserve)) return segment + 1;
      this.segments.push(segment as SegmentId);
    }
    return 0;
  }

  /** Withholds one segment, if it is free; returns whether it is. */
  withhold(segment: SegmentId): boolean {
    if (!this.#free.takeOne(segment, this.#reserve)) return false;
    this.segments.push(segment);
    return true;
  }

  /** Gives all of them back to those who need segments. */
  giveBack(): void {
    for (;;) {
      const segment = this.segments.pop() ?? NO_SEGMENT;
      if (segment === NO_SEGMENT) return;
      this.#free.add(segment);
    }
  }
}
