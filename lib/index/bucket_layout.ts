/**
 * Layout of an index bucket: one cache line of 16 words, after P-CLHT (RECIPE, Lee et al., SOSP
 * 2019; CLHT, David, Guerraoui, Trigonakis, ASPLOS 2015).
 *
 * ```text
 *   word  0   1   2   3   4   5   6   7   8   9  10  11  12  13     14       15
 *        tag add tag add tag add tag add tag add tag add tag add  overflow  counts
 * ```
 *
 * | word | written by | read by | published |
 * |---|---|---|---|
 * | tag | the slot's lock holder, only while the pair's address is 0 | readers | by the store of the address after it |
 * | address | the slot's lock holder, atomically; 0 means that the pair is empty | readers | by that store |
 * | overflow | the slot's lock holder, after the bucket it names is filled | readers | by that store |
 * | counts | in a pool that evicts: readers and the slot's lock holder, racily | the cleaner | never |
 * | next free: word 0 of a free bucket | the thread that returns the bucket, until it is in the free list; then holders of the index space lock | same | - |
 *
 * The tag is the whole 32-bit hash; its top 12 bits are the slot, so a tag never matches in a
 * bucket that has been reused by another slot.
 *
 * **Counts.** In a pool that evicts, word 15 has two bits for each pair: how often its record has
 * been read since it came (lib/eviction/eviction_policy.ts). Readers raise them by a plain load and
 * a plain store, so a count may be lost, or go to another pair when a bucket is reused under a
 * reader that still stands in it. That costs a miss of the cache at most: nothing but the choice of
 * what is dropped depends on the word. **So nothing else may be kept in it**: a store of a reader
 * that was asleep may put any old state of the word back, at any time, in whatever the bucket is
 * used for by then. The link of the free list is therefore where no reader stores, in the first
 * tag: while a bucket is free all of its addresses are 0, and a tag without an address says
 * nothing.
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
/** Counts of the pairs: pair `i` has the bits `2 * i` and `2 * i + 1`. */
export const BUCKET_COUNTS = PAIR_WORDS + 1;
/** Of a free bucket: the next one of the free list, or 0; in the place of the first tag. */
export const BUCKET_NEXT_FREE = 0;

const COUNT_MASK = 3;

assert(BUCKET_COUNTS + 1 === BUCKET_WORDS, "a bucket is one cache line");
assert((BUCKET_WORDS & (BUCKET_WORDS - 1)) === 0, "the place in a bucket is the word's low bits");

/**
 * Count of a pair.
 *
 * @param addressWord index of the pair's address in the region; its low bits say which pair it is
 */
export function pairCount(region: Int32Array, addressWord: number): number {
  return (region[addressWord | BUCKET_COUNTS] >>> countShift(addressWord)) & COUNT_MASK;
}

/** Sets the count of a pair. */
export function setPairCount(region: Int32Array, addressWord: number, count: number): void {
  const at = addressWord | BUCKET_COUNTS;
  const counts = region[at];
  const shift = countShift(addressWord);
  const next = (counts & ~(COUNT_MASK << shift)) | (count << shift);
  // A pool that does not evict has no counts, and keeps the line as it is.
  if (next !== counts) region[at] = next;
}

/** Raises the count of a pair by one, up to 3: what a reader does. */
export function raisePairCount(region: Int32Array, addressWord: number): void {
  const at = addressWord | BUCKET_COUNTS;
  const counts = region[at];
  const shift = countShift(addressWord);
  if (((counts >>> shift) & COUNT_MASK) !== COUNT_MASK) region[at] = counts + (1 << shift);
}

/** An address is the odd word behind its tag: twice the number of its pair, and one. */
function countShift(addressWord: number): number {
  return addressWord & (BUCKET_WORDS - 2);
}

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
