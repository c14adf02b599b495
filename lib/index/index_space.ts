/**
 * Hands out index buckets: extents from the untouched end of the index, overflow buckets from a free list
 * first. Both are rare (a table doubles, a bucket overflows), so one lock word guards them.
 *
 * @module
 */
import { type BucketId, NO_BUCKET } from "../core/brands.ts";
import {
  INDEX_SPACE_FREE,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_LOCK,
  INDEX_SPACE_NEXT,
} from "../pool/control_layout.ts";
import { BUCKET_BYTES } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import {
  BUCKET_NEXT_FREE,
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "./bucket_layout.ts";
import { REGION_BUCKETS_LOG2, REGION_BUCKETS_MASK } from "../pool/geometry.ts";

/** Allocates buckets on behalf of one agent. */
export class IndexSpace {
  readonly #pool: Pool;
  readonly #holder: number;

  /** Allocates for an agent, which is named in the lock while it holds it. */
  constructor(pool: Pool, agent: number) {
    this.#pool = pool;
    this.#holder = agent + 1;
  }

  /**
   * Allocates neighbouring buckets, zeroed.
   *
   * @param count how many, a power of two
   * @returns the first, or `NO_BUCKET` when the index is full
   */
  allocateExtent(count: number): BucketId {
    const control = this.#pool.control;
    this.#lock();
    let first = control[INDEX_SPACE_NEXT];
    // An extent must not straddle two regions.
    const last = first + count - 1;
    if (last >>> REGION_BUCKETS_LOG2 !== first >>> REGION_BUCKETS_LOG2) {
      first = last & ~REGION_BUCKETS_MASK;
    }
    const fits = first + count <= this.#pool.geometry.bucketCount;
    if (fits) control[INDEX_SPACE_NEXT] = first + count;
    this.#unlock();
    return (fits ? first : NO_BUCKET) as BucketId;
  }

  /** Allocates one bucket, empty and without a successor; `NO_BUCKET` when the index is full. */
  allocateOverflow(): BucketId {
    const control = this.#pool.control;
    this.#lock();
    const bucket = control[INDEX_SPACE_FREE] as BucketId;
    if (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool.index, bucket);
      control[INDEX_SPACE_FREE] = region[bucketWord(bucket) + BUCKET_NEXT_FREE];
      control[INDEX_SPACE_FREE_COUNT] -= 1;
    }
    this.#unlock();
    return bucket !== NO_BUCKET ? bucket : this.allocateExtent(1);
  }

  /**
   * Takes back an overflow bucket that is unlinked, and from whose chain no reader can miss a key without
   * noticing: the slot's META must have changed since it was unlinked.
   */
  freeOverflow(bucket: BucketId): void {
    const control = this.#pool.control;
    const region = bucketRegion(this.#pool.index, bucket);
    const at = bucketWord(bucket);
    for (let word = 1; word < PAIR_WORDS; word += 2) Atomics.store(region, at + word, 0);
    Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);
    this.#lock();
    region[at + BUCKET_NEXT_FREE] = control[INDEX_SPACE_FREE];
    control[INDEX_SPACE_FREE] = bucket;
    control[INDEX_SPACE_FREE_COUNT] += 1;
    this.#unlock();
  }

  #lock(): void {
    while (Atomics.compareExchange(this.#pool.control, INDEX_SPACE_LOCK, 0, this.#holder) !== 0);
  }

  #unlock(): void {
    Atomics.store(this.#pool.control, INDEX_SPACE_LOCK, 0);
  }
}

/** Bytes of the index that have been handed out, and how many of them wait in the free list. */
export function indexBytes(pool: Pool): { allocated: number; free: number } {
  return {
    allocated: (Atomics.load(pool.control, INDEX_SPACE_NEXT) - 1) * BUCKET_BYTES,
    free: Atomics.load(pool.control, INDEX_SPACE_FREE_COUNT) * BUCKET_BYTES,
  };
}
