/**
 * What a far KN may promise: an acknowledged put has been logged only, and must find room in the index and among the live records
 * when it is merged.
 *
 * - **Space**: what is unmerged counts as if all of it were to become live beside everything that is live already.
 * - **Index**: an insert needs one bucket at most, when no pair of its chain is empty. So a key that may be new is admitted only
 *   while there are more free buckets than unmerged records, and tables double only while a share of the buckets is left
 *   for such inserts. (Doubling makes chains shorter, nothing depends on it.)
 *
 * The space is a sum over all segments, about 3 ns for each of them, so one look is good for several records, and is corrected
 * by what this KN has added since. Several KNs may be admitted by the same look; the margins are far wider than what they
 * log in between.
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";
import {
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_NEXT,
  SEGMENT_LOG_NUMBER,
  SEGMENT_MERGED_BYTES,
} from "./control_layout.ts";
import type { Pool } from "./pool.ts";
import { SegmentState, type SegmentTable } from "./segment_table.ts";
import type { SpaceBudget } from "./space_budget.ts";

/** Share of the buckets that no table is doubled into. */
const RESERVED_SHARE = 1 / 16;
/** Bytes of the smallest record, and buckets that are left in any case. */
const RECORD_BYTES_MIN = 32;
const BUCKET_MARGIN = 8;
/** Records for which one look at the segments is good. */
const LOOK_VALID_FOR = 32;

/** Buckets that no table is doubled into. */
export function reservedBuckets(pool: Pool): number {
  return Math.floor(pool.geometry.bucketCount * RESERVED_SHARE);
}

/** One KN's view of what may be promised. */
export class FarBudget {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  /** What may become live, by the last look, with what has been admitted since; and for how many records that look is still good. */
  #promisedBytes = 0;
  #looksLeft = 0;

  /** The budget of a pool. */
  constructor(pool: Pool, segments: SegmentTable, budget: SpaceBudget) {
    this.#pool = pool;
    this.#segments = segments;
    this.#budget = budget;
  }

  /** Whether `bytes` more may be logged, of which `groupBytes` wait to be. */
  admitsBytes(bytes: number, groupBytes: number): boolean {
    if (!this.#budget.isScarce) {
      this.#looksLeft = 0;
      return true;
    }
    const limit = this.#budget.liveBytesMax;
    // What has been refused by an old look may fit meanwhile.
    if (this.#looksLeft === 0 || this.#promisedBytes + bytes > limit) {
      this.#promisedBytes = this.#segments.occupiedBytesTotal() + this.unmergedBytes() + groupBytes;
      this.#looksLeft = LOOK_VALID_FOR;
    }
    this.#looksLeft -= 1;
    if (this.#promisedBytes + bytes > limit) return false;
    this.#promisedBytes += bytes;
    return true;
  }

  /** Whether another key may be logged, with `groupCount` records that wait to be. */
  admitsKey(groupCount: number): boolean {
    const { control, geometry } = this.#pool;
    const untouched = geometry.bucketCount - Atomics.load(control, INDEX_SPACE_NEXT);
    if (untouched > reservedBuckets(this.#pool)) return true;
    const free = untouched + Atomics.load(control, INDEX_SPACE_FREE_COUNT);
    return free > this.unmergedBytes() / RECORD_BYTES_MIN + groupCount + BUCKET_MARGIN;
  }

  /** Bytes that all KNs have logged and nobody has merged. */
  unmergedBytes(): number {
    const { control } = this.#pool;
    let bytes = 0;
    for (let i = 0; i < this.#pool.geometry.segmentCount; i++) {
      const segment = i as SegmentId;
      const at = this.#pool.segmentAt(segment);
      if (control[at + SEGMENT_LOG_NUMBER] === 0) continue;
      if (this.#segments.state(segment) !== SegmentState.OPEN) continue;
      const merged = control[at + SEGMENT_MERGED_BYTES];
      bytes += Math.max(0, this.#segments.usedBytes(segment) - merged);
    }
    return bytes;
  }
}
