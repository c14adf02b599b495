/**
 * The set of free segments: a bit for each, and how many of them are promised to no taker.
 *
 * ```text
 *   take   count - 1, unless only a reserve is left     a permit: there is a bit for it
 *          clear the lowest bit                         the segment is the taker's if the bit was set
 *   add    set the bit
 *          count + 1
 * ```
 *
 * **Why no two takers get one segment.** A bit says that a segment is free now, and nothing about
 * what was before. It is cleared by `Atomics.and`, whose result says whether it was set: of all
 * threads that clear it, one finds it set. So it does not matter for how long a thread was asleep
 * between its look at a word and that, nor how often the segment has been taken and returned
 * meanwhile: there is no older state of the set that could be taken for the present one, and no tag
 * that would have to tell them apart.
 *
 * **Why a permit finds one.** The count is decremented before a bit is cleared, and incremented
 * after one is set. So at every instant there are at least as many bits as the count says and
 * permits are held. A taker that finds none has been overtaken by others that did, and looks again.
 *
 * The lowest comes first: segments that were used before have lower numbers than those that never
 * were, and a page that was touched before is ten times cheaper than a fresh one. A look takes a
 * load for 32 segments.
 *
 * A thread that dies in here leaves a count that is too low, or a segment that is in no set;
 * {@linkcode FreeSegments.recount} puts the count right, and the segment table adds the segment
 * again (segment_table.ts).
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import { FREE_SEGMENT_COUNT } from "./control_layout.ts";
import type { Pool } from "./pool.ts";

/** Operations on the set. */
export class FreeSegments {
  readonly #control: Int32Array;
  readonly #start: number;
  readonly #end: number;

  /** Operates on a pool's free segments. */
  constructor(pool: Pool) {
    this.#control = pool.control;
    this.#start = pool.freeBits;
    this.#end = this.#start + Math.ceil(pool.geometry.segmentCount / 32);
  }

  /** Number of free segments that no taker has claimed. */
  get count(): number {
    return Atomics.load(this.#control, FREE_SEGMENT_COUNT);
  }

  /** The one that is taken next; `NO_SEGMENT` if there is none. */
  get first(): SegmentId {
    for (let at = this.#start; at < this.#end; at++) {
      const word = Atomics.load(this.#control, at);
      if (word !== 0) return this.#segmentOf(at, word & -word);
    }
    return NO_SEGMENT;
  }

  /** Whether a segment is in the set. */
  has(segment: SegmentId): boolean {
    const word = Atomics.load(this.#control, this.#start + (segment >>> 5));
    return (word & (1 << (segment & 31))) !== 0;
  }

  /** Takes a segment; `NO_SEGMENT` when only `reserve` of them are left. */
  take(reserve: number): SegmentId {
    if (!this.#takePermit(reserve)) return NO_SEGMENT;
    for (let at = this.#start;; at = at + 1 < this.#end ? at + 1 : this.#start) {
      const bit = this.#clearLowest(at);
      if (bit !== 0) return this.#segmentOf(at, bit);
    }
  }

  /** Takes one segment, if it is free, and `reserve` others are left; returns whether it did. */
  takeOne(segment: SegmentId, reserve: number): boolean {
    if (!this.has(segment) || !this.#takePermit(reserve)) return false;
    const bit = 1 << (segment & 31);
    const word = Atomics.and(this.#control, this.#start + (segment >>> 5), ~bit);
    if ((word & bit) !== 0) return true;
    // Another taker was first. The permit is for one of the others.
    Atomics.add(this.#control, FREE_SEGMENT_COUNT, 1);
    return false;
  }

  /** Adds a segment that is free. */
  add(segment: SegmentId): void {
    Atomics.or(this.#control, this.#start + (segment >>> 5), 1 << (segment & 31));
    Atomics.add(this.#control, FREE_SEGMENT_COUNT, 1);
  }

  /** Removes a segment that turns out not to be free, while no other thread changes the set. */
  remove(segment: SegmentId): void {
    if (!this.has(segment)) return;
    Atomics.and(this.#control, this.#start + (segment >>> 5), ~(1 << (segment & 31)));
    Atomics.sub(this.#control, FREE_SEGMENT_COUNT, 1);
  }

  /** Counts the set anew, while no thread changes it. */
  recount(): void {
    let count = 0;
    for (let at = this.#start; at < this.#end; at++) {
      for (let word = Atomics.load(this.#control, at); word !== 0; word &= word - 1) count += 1;
    }
    Atomics.store(this.#control, FREE_SEGMENT_COUNT, count);
  }

  #takePermit(reserve: number): boolean {
    for (;;) {
      const count = Atomics.load(this.#control, FREE_SEGMENT_COUNT);
      if (count <= reserve) return false;
      const before = Atomics.compareExchange(this.#control, FREE_SEGMENT_COUNT, count, count - 1);
      if (before === count) return true;
    }
  }

  /** Clears a bit of a word; returns it, or 0 when none was left. */
  #clearLowest(at: number): number {
    let word = Atomics.load(this.#control, at);
    while (word !== 0) {
      const bit = word & -word;
      word = Atomics.and(this.#control, at, ~bit);
      if ((word & bit) !== 0) return bit;
    }
    return 0;
  }

  #segmentOf(at: number, bit: number): SegmentId {
    return ((at - this.#start) * 32 + 31 - Math.clz32(bit)) as SegmentId;
  }
}
