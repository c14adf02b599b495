/**
 * Lets a slot's hash table grow, under the slot's lock while readers go on.
 *
 * Why that is safe (I6, I8): every change that readers can see is one atomic store.
 *
 * - *Doubling* fills the new extent first, where no reader looks, then publishes META, then removes
 *   the moved pairs from the old buckets. A reader with the old META that misses a moved pair sees
 *   the new META when it checks, and starts over. A reader with the new META looks where the pair
 *   has been put already.
 * - *Compaction* moves pairs from overflow buckets into holes of the bucket they continue: copy,
 *   publish META, then clear the original; a reader that looked at the hole too early and at the
 *   original too late has an old META. Empty overflow buckets are unlinked, META is published once
 *   more, and only then they are reused, so a reader that stands in one of them notices too.
 *
 * A pair that does not belong to its bucket (its hash selects another one) is a leftover of a
 * doubling that was interrupted between the publication and the removal. No reader looks for it
 * there; it is skipped here.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import {
  SLOT_EXTENT_COUNT,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import { REGION_BUCKETS_LOG2 } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { insertIntoChain } from "./bucket_chain.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_PAIRS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  pairCount,
  setPairCount,
} from "./bucket_layout.ts";
import type { IndexSpace } from "./index_space.ts";
import { bucketAt, metaLog2, nextMeta } from "./slot_extents.ts";

/**
 * Keys per bucket at which a table doubles, of 7 pairs. At 5.25 about 15 % of the buckets have an
 * overflow bucket just before, and tables are 56 % full on average; at 7 half of them would.
 */
const DOUBLING_LOAD = 5.25;

/** Creates and doubles the tables of slots, for one writer of them. */
export class TableGrowth {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #space: IndexSpace;

  /** Lets a pool's tables grow, by buckets from `space`. */
  constructor(pool: Pool, space: IndexSpace) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#space = space;
  }

  /** Has the slot a table that is large enough for so many keys more; false if it gets none. */
  makeRoom(slotAt: number, added: number): boolean {
    const control = this.#control;
    if (control[slotAt + SLOT_EXTENTS] === NO_BUCKET && !this.#createTable(slotAt)) return false;
    const count = control[slotAt + SLOT_RECORD_COUNT] + added - 1;
    for (;;) {
      const log2 = metaLog2(control[slotAt + SLOT_META]);
      if (count < DOUBLING_LOAD * (1 << log2)) return true;
      // Without room for a larger table the buckets' chains get longer instead.
      this.#double(slotAt);
      if (metaLog2(control[slotAt + SLOT_META]) === log2) return true;
    }
  }

  #createTable(slotAt: number): boolean {
    const extent = this.#space.allocateExtent(1);
    if (extent === NO_BUCKET) return false;
    Atomics.store(this.#control, slotAt + SLOT_EXTENTS, extent);
    this.#publishMeta(slotAt, 0);
    return true;
  }

  #publishMeta(slotAt: number, log2: number): void {
    const meta = nextMeta(this.#control[slotAt + SLOT_META], log2);
    Atomics.store(this.#control, slotAt + SLOT_META, meta);
  }

  #double(slotAt: number): void {
    const control = this.#control;
    const log2 = metaLog2(control[slotAt + SLOT_META]);
    const bucketCount = 1 << log2;
    if (log2 + 1 >= SLOT_EXTENT_COUNT) return;
    const extent = this.#space.allocateForDoubling(bucketCount);
    if (extent === NO_BUCKET) return;
    const moved: number[] = [];
    for (let index = 0; index < bucketCount; index++) {
      if (!this.#copyMoving(slotAt, index, bucketCount, (extent + index) as BucketId, moved)) {
        this.#emptyExtent(slotAt, extent, bucketCount);
        return;
      }
    }
    Atomics.store(control, slotAt + SLOT_EXTENTS + log2 + 1, extent);
    // From here on readers look for the moved pairs in the new extent.
    this.#publishMeta(slotAt, log2 + 1);
    for (let i = 0; i < moved.length; i += 2) {
      Atomics.store(this.#pool.index[moved[i]], moved[i + 1], NO_ADDRESS);
    }
    if (control[slotAt + SLOT_OVERFLOW_COUNT] > 0) this.#compact(slotAt, bucketCount);
  }

  /** Copies the pairs of one old bucket that belong to `target`, and notes where they were. */
  #copyMoving(
    slotAt: number,
    index: number,
    bucketCount: number,
    target: BucketId,
    moved: number[],
  ): boolean {
    let bucket = bucketAt(this.#control, slotAt, index);
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool, bucket);
      const regionIndex = bucket >>> REGION_BUCKETS_LOG2;
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        const hash = region[word];
        const address = region[word + 1] as PoolAddress;
        if (address === NO_ADDRESS || (hash & (2 * bucketCount - 1)) !== index + bucketCount) {
          continue;
        }
        const count = pairCount(region, word + 1);
        if (!insertIntoChain(this.#pool, this.#space, slotAt, target, hash, address, count, true)) {
          return false;
        }
        moved.push(regionIndex, word + 1);
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
    }
    return true;
  }

  /**
   * Undoes a doubling that ran out of overflow buckets; the unpublished extent is leaked, empty.
   */
  #emptyExtent(slotAt: number, extent: BucketId, bucketCount: number): void {
    for (let index = 0; index < bucketCount; index++) {
      const bucket = (extent + index) as BucketId;
      const at = bucketWord(bucket);
      const region = bucketRegion(this.#pool, bucket);
      let overflow = region[at + BUCKET_OVERFLOW] as BucketId;
      region.fill(0, at, at + PAIR_WORDS + 1);
      while (overflow !== NO_BUCKET) {
        const next = bucketRegion(this.#pool, overflow)[
          bucketWord(overflow) + BUCKET_OVERFLOW
        ] as BucketId;
        this.#space.freeOverflow(overflow);
        this.#control[slotAt + SLOT_OVERFLOW_COUNT] -= 1;
        overflow = next;
      }
    }
  }

  /** Shortens the chains of the first `bucketCount` buckets after half of their pairs have left. */
  #compact(slotAt: number, bucketCount: number): void {
    const emptied: { region: Int32Array; at: number; first: BucketId }[] = [];
    const originals: { region: Int32Array; word: number }[] = [];
    for (let index = 0; index < bucketCount; index++) {
      const home = bucketAt(this.#control, slotAt, index);
      const region = bucketRegion(this.#pool, home);
      const at = bucketWord(home);
      const first = region[at + BUCKET_OVERFLOW] as BucketId;
      if (first !== NO_BUCKET && this.#copyIntoHoles(region, at, first, originals)) {
        emptied.push({ region, at, first });
      }
    }
    if (emptied.length === 0) return;
    const log2 = metaLog2(this.#control[slotAt + SLOT_META]);
    this.#publishMeta(slotAt, log2);
    for (const { region, word } of originals) Atomics.store(region, word, NO_ADDRESS);
    for (const { region, at } of emptied) Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);
    this.#publishMeta(slotAt, log2);
    for (const { first } of emptied) {
      for (let bucket = first; bucket !== NO_BUCKET;) {
        const overflow = bucketRegion(this.#pool, bucket);
        const next = overflow[bucketWord(bucket) + BUCKET_OVERFLOW] as BucketId;
        this.#space.freeOverflow(bucket);
        this.#control[slotAt + SLOT_OVERFLOW_COUNT] -= 1;
        bucket = next;
      }
    }
  }

  /**
   * Copies what is in the overflow buckets into the home bucket; false when it does not all fit.
   */
  #copyIntoHoles(
    region: Int32Array,
    at: number,
    first: BucketId,
    originals: { region: Int32Array; word: number }[],
  ): boolean {
    const holes: number[] = [];
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      if (region[word + 1] === NO_ADDRESS) holes.push(word);
    }
    const found: { region: Int32Array; word: number }[] = [];
    for (let bucket = first; bucket !== NO_BUCKET;) {
      const overflow = bucketRegion(this.#pool, bucket);
      const start = bucketWord(bucket);
      for (let word = start; word < start + PAIR_WORDS; word += 2) {
        if (overflow[word + 1] !== NO_ADDRESS) found.push({ region: overflow, word });
      }
      bucket = overflow[start + BUCKET_OVERFLOW] as BucketId;
    }
    if (found.length > holes.length) return false;
    found.forEach((original, i) => {
      region[holes[i]!] = original.region[original.word];
      setPairCount(region, holes[i]! + 1, pairCount(original.region, original.word + 1));
      Atomics.store(region, holes[i]! + 1, original.region[original.word + 1]);
      originals.push({ region: original.region, word: original.word + 1 });
    });
    return true;
  }
}

assert(BUCKET_PAIRS > DOUBLING_LOAD, "a table doubles before its buckets are full on average");
