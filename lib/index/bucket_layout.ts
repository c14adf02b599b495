/**
 * Layout of an index bucket: one cache line of 16 words, after P-CLHT (RECIPE, Lee et al., SOSP
 * 2019; CLHT, David, Guerraoui, Trigonakis, ASPLOS 2015).
 *
 * ```text
 *   word  0   1   2   3   4   5   6   7   8   9  10  11  12  13     14        15
 *        tag add tag add tag add tag add tag add tag add tag add  overflow  next free
 * ```
 *
 * | word | written by | read by | published |
 * |---|---|---|---|
 * | tag | the slot's lock holder, only while the pair's address is 0 | readers | by the store of the address after it |
 * | address | the slot's lock holder, atomically; 0 means that the pair is empty | readers | by that store |
 * | overflow | the slot's lock holder, after the bucket it names is filled | readers | by that store |
 * | next free | the thread that returns the bucket, until it is in the free list; then holders of the index space lock | same | - |
 *
 * The tag is the whole 32-bit hash; its top 12 bits are the slot, so a tag never matches in a
 * bucket that has been reused by another slot.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { BucketId } from "../core/brands.ts";
import { BUCKET_BYTES, REGION_BUCKETS_LOG2, REGION_BUCKETS_MASK } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";

/** Words of a bucket. */
export const BUCKET_WORDS = BUCKET_BYTES / 4;
/** Pairs of a bucket. */
export const BUCKET_PAIRS = 7;
/** Words taken by the pairs: pair `i` is the words `2 * i` (tag) and `2 * i + 1` (address). */
export const PAIR_WORDS = 2 * BUCKET_PAIRS;
/** The bucket that continues this one, or 0. */
export const BUCKET_OVERFLOW = PAIR_WORDS;
/** The next bucket of the free list, or 0. */
export const BUCKET_NEXT_FREE = PAIR_WORDS + 1;

assert(BUCKET_NEXT_FREE + 1 === BUCKET_WORDS, "a bucket is one cache line");

/**
 * The index region that a bucket is in; good for this bucket only, as the index grows
 * (pool/growable_buffer.ts).
 */
export function bucketRegion(pool: Pool, bucket: BucketId): Int32Array {
  const region = pool.index[bucket >>> REGION_BUCKETS_LOG2];
  return bucketWord(bucket) < region.length ? region : pool.seeBucket(bucket);
}

/** Index of a bucket's first word in its region. */
export function bucketWord(bucket: BucketId): number {
  return (bucket & REGION_BUCKETS_MASK) * BUCKET_WORDS;
}
