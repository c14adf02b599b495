/**
 * What a cache that is full drops: the policy of a pool with `whenFull: "evict"`, as plain
 * functions on numbers. The cleaner follows it (dpm/cleaner.ts), and a model of it is compared with
 * other policies (bench/eviction/).
 *
 * The log is the queue, and what is dropped is dropped while a segment is cleaned. It is S3-FIFO
 * (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP '23) on
 * segments, as Segcache (Yang, Yue, Vinayak, NSDI '21) merges them, with the counts of reads that
 * are marked where a record is and not by moving it, as in SIEVE (Zhang et al., NSDI '24):
 *
 * ```text
 *                       count >= 1: to main with count 0
 *   puts --> probation ---------------------------------> main --+
 *            10 %     \                                  /  ^    | count >= 1: to its tail, less one
 *                      \ count 0                 count 0/   +----+
 *                       `--> dropped, and remembered   `--> dropped
 *                            by the ghost table
 * ```
 *
 * - Puts go to *probation* segments, survivors of cleaning to *main* segments.
 * - A read raises the count of its record by one, an overwrite by two, to three at most. A new pair
 *   begins with 0, or with 2 if the ghost table knows its hash: it was dropped a short time ago.
 * - A victim is main's emptiest segment if little in it is alive: all of it is kept. Otherwise it
 *   is the oldest of probation as long as that is above its share, and then main's oldest.
 *
 * **Why a gain takes at most four victims.** Counts may be raised as fast as they are lowered, so
 * the end must not rest on them. As long as no segment has been gained, each further victim needs a
 * count higher by one, and beyond three victims everything is dropped: the fourth leaves nothing to
 * copy, so it becomes free and costs no segment.
 *
 * How full a segment is, is measured against what was appended to it, not against its size. Few
 * huge records fill no segment, and a segment that can never be full would be copied for ever.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";

/** Share of the capacity beyond which probation gives segments up. */
export const PROBATION_SHARE = 0.1;
/** A main segment in which less of what was appended is alive is copied, whatever its counts. */
export const COPIED_FILL_MAX = 0.6;
/** Victims without a gain after which the next one is dropped altogether. */
export const SELECTIVE_VICTIMS_MAX = 3;
/** Highest count: two bits. */
export const COUNT_MAX = 3;
/** Count of a new pair that the ghost table knows. */
export const REMEMBERED_COUNT = 2;
/** By how much an overwrite raises the count. */
export const OVERWRITE_COUNT = 2;
/** Free segments beyond the reserve of puts below which segments are cleaned. */
export const FREE_SEGMENTS_AHEAD = 4;
/** Fewest segments of a pool that evicts: 64 drops are fine-grained enough to be a queue. */
export const EVICTING_SEGMENTS_MIN = 64;
/** What a record needs to be kept when everything is dropped. */
export const DROPS_ALL = COUNT_MAX + 1;

/**
 * Count that a record needs to be kept.
 *
 * @param isCopied whether its segment is a victim because little in it is alive
 * @param victimsBefore victims since a segment was last gained
 */
export function countNeeded(isCopied: boolean, victimsBefore: number): number {
  if (victimsBefore >= SELECTIVE_VICTIMS_MAX) return DROPS_ALL;
  return (isCopied ? 0 : 1) + victimsBefore;
}

/** Count of a record that is kept, in the segment that it is moved to. */
export function countWhenKept(count: number, isMain: boolean, isCopied: boolean): number {
  if (isCopied) return count;
  return isMain && count > 0 ? count - 1 : 0;
}

/** Count of a pair that is overwritten. */
export function countWhenOverwritten(count: number): number {
  return Math.min(COUNT_MAX, count + OVERWRITE_COUNT);
}

/** Chooses a victim among the segments that it is shown, one search after the other. */
export class VictimSearch {
  /** Whether the victim is chosen because little in it is alive. */
  isCopied = false;
  /** Whether the victim is a main segment. */
  isMain = false;
  #probationBytes = 0;
  #emptiest: SegmentId = NO_SEGMENT;
  #emptiestFill = 0;
  #oldest: SegmentId = NO_SEGMENT;
  #oldestBirth = 0;
  #oldestMain: SegmentId = NO_SEGMENT;
  #oldestMainBirth = 0;

  /** Begins a search. */
  begin(): void {
    this.#probationBytes = 0;
    this.#emptiest = this.#oldest = this.#oldestMain = NO_SEGMENT;
    this.#emptiestFill = COPIED_FILL_MAX;
  }

  /** Shows a segment that cannot be a victim, as it is appended to or cleaned. */
  seeBusy(isMain: boolean, usedBytes: number): void {
    if (!isMain) this.#probationBytes += usedBytes;
  }

  /**
   * Shows a segment that may be the victim.
   *
   * @param birth number of its opening, by which the oldest is found
   */
  see(
    segment: SegmentId,
    isMain: boolean,
    birth: number,
    liveBytes: number,
    usedBytes: number,
  ): void {
    if (!isMain) {
      this.#probationBytes += usedBytes;
      // Births wrap around.
      if (this.#oldest === NO_SEGMENT || ((birth - this.#oldestBirth) | 0) < 0) {
        this.#oldest = segment;
        this.#oldestBirth = birth;
      }
      return;
    }
    if (this.#oldestMain === NO_SEGMENT || ((birth - this.#oldestMainBirth) | 0) < 0) {
      this.#oldestMain = segment;
      this.#oldestMainBirth = birth;
    }
    const fill = liveBytes / usedBytes;
    if (fill < this.#emptiestFill) {
      this.#emptiest = segment;
      this.#emptiestFill = fill;
    }
  }

  /** The victim; `NO_SEGMENT` if no segment that can be one was shown. */
  choose(capacityBytes: number): SegmentId {
    this.isCopied = this.#emptiest !== NO_SEGMENT;
    if (this.isCopied) {
      this.isMain = true;
      return this.#emptiest;
    }
    const isProbation = this.#probationBytes > capacityBytes * PROBATION_SHARE ||
      this.#oldestMain === NO_SEGMENT;
    this.isMain = !isProbation || this.#oldest === NO_SEGMENT;
    return this.isMain ? this.#oldestMain : this.#oldest;
  }
}

assert(DROPS_ALL > COUNT_MAX, "no count is high enough when everything is dropped");
