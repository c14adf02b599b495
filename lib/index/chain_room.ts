/**
 * Room in a bucket chain of a slot's table for pairs that will be added.
 *
 * A hole is an empty pair. What is appended for want of holes are empty overflow buckets, which are
 * valid at every instant (I8): readers pass over them, and insertions fill them.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET } from "../core/brands.ts";
import { SLOT_META, SLOT_OVERFLOW_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_PAIRS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "./bucket_layout.ts";
import type { IndexSpace } from "./index_space.ts";
import { bucketAt, bucketIndex } from "./slot_extents.ts";

/**
 * Has the chains of some keys that are not in a slot's table a hole for each of them; the caller
 * holds the slot's lock.
 *
 * @returns false when the index has no room; what was appended by then stays
 */
export function makeChainRoom(
  pool: Pool,
  space: IndexSpace,
  slotAt: number,
  hashes: readonly number[],
): boolean {
  const meta = pool.control[slotAt + SLOT_META];
  const wanted = new Map<number, number>();
  for (const hash of hashes) {
    const index = bucketIndex(hash, meta);
    wanted.set(index, (wanted.get(index) ?? 0) + 1);
  }
  for (const [index, count] of wanted) {
    const home = bucketAt(pool.control, slotAt, index);
    if (!makeHoles(pool, space, slotAt, home, count)) return false;
  }
  return true;
}

/** Has a chain, which begins with the bucket `home`, at least `count` holes. */
function makeHoles(
  pool: Pool,
  space: IndexSpace,
  slotAt: number,
  home: BucketId,
  count: number,
): boolean {
  let missing = count;
  let bucket = home;
  for (;;) {
    const region = bucketRegion(pool, bucket);
    const at = bucketWord(bucket);
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      if (region[word + 1] === NO_ADDRESS) missing -= 1;
    }
    const next = region[at + BUCKET_OVERFLOW] as BucketId;
    if (missing <= 0) return true;
    if (next !== NO_BUCKET) {
      bucket = next;
      continue;
    }
    const overflow = space.allocateOverflow();
    if (overflow === NO_BUCKET) return false;
    // Publishes the bucket, which is empty.
    Atomics.store(region, at + BUCKET_OVERFLOW, overflow);
    pool.control[slotAt + SLOT_OVERFLOW_COUNT] += 1;
    if (missing <= BUCKET_PAIRS) return true;
    bucket = overflow;
  }
}
