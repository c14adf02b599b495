/**
 * Adds pairs to the bucket chains of a slot's table, under the slot's lock while readers go on.
 *
 * Every change that readers can see is one atomic store (I6, I8): of the address of a pair that was
 * empty, or of the link to an overflow bucket that has its pair already.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { SLOT_OVERFLOW_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import {
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  setPairCount,
} from "./bucket_layout.ts";
import type { IndexSpace } from "./index_space.ts";

/**
 * Adds a pair to a chain that begins with the bucket `home`. Publishes its record.
 *
 * @param isDoubling whether an overflow bucket is taken from those that are for that
 * @returns false when the index has no room; nothing has changed then
 */
export function insertIntoChain(
  pool: Pool,
  space: IndexSpace,
  slotAt: number,
  home: BucketId,
  hash: number,
  address: PoolAddress,
  count: number,
  isDoubling: boolean,
): boolean {
  let bucket = home;
  for (;;) {
    const region = bucketRegion(pool, bucket);
    const at = bucketWord(bucket);
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      if (region[word + 1] === NO_ADDRESS) {
        region[word] = hash;
        setPairCount(region, word + 1, count);
        // Publishes the tag and the record; pairs with the readers' load of the address.
        Atomics.store(region, word + 1, address);
        return true;
      }
    }
    const next = region[at + BUCKET_OVERFLOW] as BucketId;
    if (next === NO_BUCKET) {
      const overflow = isDoubling ? space.allocateOverflowForDoubling() : space.allocateOverflow();
      return appendOverflow(pool, slotAt, region, at, overflow, hash, address, count);
    }
    bucket = next;
  }
}

function appendOverflow(
  pool: Pool,
  slotAt: number,
  region: Int32Array,
  at: number,
  overflow: BucketId,
  hash: number,
  address: PoolAddress,
  count: number,
): boolean {
  if (overflow === NO_BUCKET) return false;
  const target = bucketRegion(pool, overflow);
  const first = bucketWord(overflow);
  target[first] = hash;
  setPairCount(target, first + 1, count);
  Atomics.store(target, first + 1, address);
  // Publishes the overflow bucket, which is filled by now.
  Atomics.store(region, at + BUCKET_OVERFLOW, overflow);
  pool.control[slotAt + SLOT_OVERFLOW_COUNT] += 1;
  return true;
}
