/**
 * Hands out index buckets: extents from the untouched end of the index, overflow buckets from a
 * free list first.
 *
 * **No thread waits for another one here**, so one that stalls or dies holds no other one up.
 *
 * - The untouched end is one word, NEXT, which is advanced by compare-and-swap.
 * - The free list is guarded by a lock that is only tried. A thread that does not get it takes a
 *   bucket from the untouched end instead, and keeps a bucket that it wanted to return in a list of
 *   its own, linked through the same words: it costs no memory. That list is used first, and
 *   is returned as a whole the next time that the lock is free.
 *
 * A thread that dies here loses what it held in its hands: the bucket it was taking or returning,
 * and what it had kept. It never leaves a bucket in two places, because the free list is valid at
 * every instant: a bucket leaves it by the one store to FREE that comes before any thread uses the
 * bucket, and joins it by the one store to FREE that comes after the bucket is linked to the rest.
 * The lock that a dead thread holds, and the count that it may have left one behind, are put right
 * by {@linkcode repairIndexSpace}; until then the others live without the free list.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
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

/** Attempts to take the lock, each about as long as a holder needs it. */
const LOCK_ATTEMPTS = 64;

/** Allocates buckets on behalf of one agent. */
export class IndexSpace {
  readonly #pool: Pool;
  readonly #holder: number;
  /**
   * Returned buckets that are not in the free list yet: the newest, and the oldest, which is linked
   * to nothing.
   */
  #keptFirst: BucketId = NO_BUCKET;
  #keptLast: BucketId = NO_BUCKET;
  #keptCount = 0;
  readonly #reservedCount: number;

  /**
   * Allocates for an agent, which is named in the lock while it holds it.
   *
   * @param reservedCount buckets that doubling a table must leave for insertions
   */
  constructor(pool: Pool, agent: number, reservedCount = 0) {
    this.#reservedCount = reservedCount;
    this.#pool = pool;
    this.#holder = agent + 1;
  }

  /** The agent that it allocates for. */
  get agent(): number {
    return this.#holder - 1;
  }

  /**
   * Allocates neighbouring buckets, zeroed.
   *
   * @param count how many, a power of two
   * @param reservedCount how many must be left untouched
   * @returns the first, or `NO_BUCKET` when the index is full
   */
  allocateExtent(count: number, reservedCount = 0): BucketId {
    const control = this.#pool.control;
    const countMax = this.#pool.bucketLimit - reservedCount;
    for (;;) {
      const next = Atomics.load(control, INDEX_SPACE_NEXT);
      const last = next + count - 1;
      // An extent must not straddle two regions.
      const fitsRegion = last >>> REGION_BUCKETS_LOG2 === next >>> REGION_BUCKETS_LOG2;
      const first = fitsRegion ? next : last & ~REGION_BUCKETS_MASK;
      if (first + count > countMax) return NO_BUCKET;
      // Before the buckets are taken: NEXT never passes what has memory, and nothing is lost when
      // there is none.
      if (!this.#pool.coverBuckets(first + count)) return NO_BUCKET;
      if (Atomics.compareExchange(control, INDEX_SPACE_NEXT, next, first + count) === next) {
        return first as BucketId;
      }
    }
  }

  /** Allocates one bucket, empty and without a successor; `NO_BUCKET` when none can be had now. */
  allocateOverflow(): BucketId {
    let bucket = this.#takeKept();
    if (bucket === NO_BUCKET) bucket = this.#takeFree();
    return bucket !== NO_BUCKET ? bucket : this.allocateExtent(1);
  }

  /** Allocates neighbouring buckets for doubling a table, as {@linkcode allocateExtent} does. */
  allocateForDoubling(count: number): BucketId {
    return this.allocateExtent(count, this.#reservedCount);
  }

  /**
   * Allocates one bucket for a chain of a table that is being doubled: none that a merger may count
   * on.
   */
  allocateOverflowForDoubling(): BucketId {
    if (this.#reservedCount === 0) return this.allocateOverflow();
    const bucket = this.#takeKept();
    return bucket !== NO_BUCKET ? bucket : this.allocateForDoubling(1);
  }

  /**
   * Takes back an overflow bucket that is unlinked, and from whose chain no reader can miss a key
   * without noticing: the slot's META must have changed since it was unlinked.
   */
  freeOverflow(bucket: BucketId): void {
    const region = bucketRegion(this.#pool, bucket);
    const at = bucketWord(bucket);
    for (let word = 1; word < PAIR_WORDS; word += 2) Atomics.store(region, at + word, 0);
    Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);
    // In the place of the first tag: its address is 0 by now, so no reader looks at it.
    region[at + BUCKET_NEXT_FREE] = this.#keptFirst;
    this.#keptFirst = bucket;
    if (this.#keptCount === 0) this.#keptLast = bucket;
    this.#keptCount += 1;
    this.#returnKept();
  }

  #takeKept(): BucketId {
    const bucket = this.#keptFirst;
    if (bucket === NO_BUCKET) return NO_BUCKET;
    this.#keptFirst = this.#nextOf(bucket);
    this.#keptCount -= 1;
    return bucket;
  }

  #takeFree(): BucketId {
    const control = this.#pool.control;
    if (Atomics.load(control, INDEX_SPACE_FREE) === NO_BUCKET || !this.#tryLock()) return NO_BUCKET;
    const bucket = control[INDEX_SPACE_FREE] as BucketId;
    if (bucket !== NO_BUCKET) {
      // From here on the bucket is this thread's.
      Atomics.store(control, INDEX_SPACE_FREE, this.#nextOf(bucket));
      control[INDEX_SPACE_FREE_COUNT] -= 1;
    }
    this.#unlock();
    return bucket;
  }

  /** Puts the kept buckets into the free list, if its lock can be had. */
  #returnKept(): void {
    if (!this.#tryLock()) return;
    const control = this.#pool.control;
    const last = this.#keptLast;
    const link = bucketWord(last) + BUCKET_NEXT_FREE;
    // The link is there before the list begins with them: FREE always names a whole list.
    Atomics.store(bucketRegion(this.#pool, last), link, control[INDEX_SPACE_FREE]);
    Atomics.store(control, INDEX_SPACE_FREE, this.#keptFirst);
    control[INDEX_SPACE_FREE_COUNT] += this.#keptCount;
    this.#unlock();
    this.#keptFirst = this.#keptLast = NO_BUCKET;
    this.#keptCount = 0;
  }

  #nextOf(bucket: BucketId): BucketId {
    const region = bucketRegion(this.#pool, bucket);
    return region[bucketWord(bucket) + BUCKET_NEXT_FREE] as BucketId;
  }

  #tryLock(): boolean {
    const control = this.#pool.control;
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (Atomics.compareExchange(control, INDEX_SPACE_LOCK, 0, this.#holder) === 0) return true;
    }
    return false;
  }

  #unlock(): void {
    Atomics.store(this.#pool.control, INDEX_SPACE_LOCK, 0);
  }
}

/**
 * Frees the lock of the free list after the agent that holds it has died, and counts the list anew.
 * Does nothing if another agent holds it: that one is alive, and gives it back.
 *
 * Called while the pool is paused. A thread that stalls in the middle of a step without being dead
 * must not be taken for dead: it would go on changing the list.
 */
export function repairIndexSpace(pool: Pool, deadAgent: number): void {
  const { control } = pool;
  if (Atomics.load(control, INDEX_SPACE_LOCK) !== deadAgent + 1) return;
  let count = 0;
  for (let bucket = control[INDEX_SPACE_FREE] as BucketId; bucket !== NO_BUCKET; count++) {
    assert(count < pool.geometry.bucketCount, "the list of free buckets ends");
    const region = bucketRegion(pool, bucket);
    bucket = region[bucketWord(bucket) + BUCKET_NEXT_FREE] as BucketId;
  }
  control[INDEX_SPACE_FREE_COUNT] = count;
  Atomics.store(control, INDEX_SPACE_LOCK, 0);
}

/** Bytes of the index that have been handed out, and how many of them wait in the free list. */
export function indexBytes(pool: Pool): { allocated: number; free: number } {
  return {
    allocated: (Atomics.load(pool.control, INDEX_SPACE_NEXT) - 1) * BUCKET_BYTES,
    free: Atomics.load(pool.control, INDEX_SPACE_FREE_COUNT) * BUCKET_BYTES,
  };
}
