/**
 * Finds the keys of many hashes, as {@linkcode KeyResolver.find} does, but one step of the protocol
 * for all of them, and then the next one: the processor then waits for many words of memory at one
 * time, where it would wait for one after the other.
 *
 * It finds a key that is the only one of its hash, as nearly all are; the others have to be
 * resolved. The protocol is that of index/one_sided_reader.ts. What is different is that more time
 * passes between its steps, and that the loads within a step are plain ones: an atomic load makes
 * the processor wait for those before it on some runtimes, and is a call on others. That they stay
 * in their step is seen to by one atomic operation between two steps, which neither the compilers
 * of V8 and JSC nor, where it is a read-modify-write, a processor moves a load across.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { BUCKET_OVERFLOW, bucketRegion, bucketWord, PAIR_WORDS } from "../index/bucket_layout.ts";
import { bucketAt, bucketIndex } from "../index/slot_extents.ts";
import { NEEDS_FENCE } from "../platform/memory_order.ts";
import { GENERATIONS, SLOT_META, SLOT_WORDS } from "../pool/control_layout.ts";
import { REGION_BUCKETS_LOG2, REGION_UNITS_LOG2 } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { FoundKey, NO_REGION, NO_VALUES } from "./found_key.ts";

/** Words of a cache line. */
const CACHE_LINE_WORDS = 16;

/** Looks for some keys after others. */
export class KeyLookahead {
  /** The keys that were found, by the numbers of their entries: see {@linkcode isFound}. */
  readonly keys: FoundKey[] = [];
  /** What has been touched, which means nothing: so no compiler leaves it out. */
  touched = 0;
  readonly #pool: Pool;
  readonly #metas: Int32Array;
  readonly #buckets: Int32Array;
  /** Of the only pair of a hash: the index of its address's word, or 0 if there is none. */
  readonly #pairs: Int32Array;
  /** A bucket that shows that the first one is not enough. */
  readonly #overflows: Int32Array;
  readonly #addresses: Int32Array;
  readonly #generations: Int32Array;
  readonly #regions: Int32Array[] = [];
  readonly #step = new Int32Array(1);

  /** Looks for so many keys of a pool at one time, at most. */
  constructor(pool: Pool, countMax: number) {
    this.#pool = pool;
    this.#metas = new Int32Array(countMax);
    this.#buckets = new Int32Array(countMax);
    this.#pairs = new Int32Array(countMax);
    this.#overflows = new Int32Array(countMax);
    this.#addresses = new Int32Array(countMax);
    this.#generations = new Int32Array(countMax);
  }

  /**
   * Looks for the keys of some entries.
   *
   * @param hashes words of which every so many-th, from an index on, is a hash
   * @param valueBytesMax values up to so many bytes are copied with their keys; `NO_VALUES` for
   *   none
   */
  look(
    hashes: Int32Array,
    from: number,
    stride: number,
    count: number,
    valueBytesMax: number = NO_VALUES,
  ): void {
    while (this.keys.length < count) {
      this.keys.push(new FoundKey());
      this.#regions.push(NO_REGION);
    }
    this.#findBuckets(hashes, from, stride, count);
    this.#endStep();
    const overflows = this.#findPairs(hashes, from, stride, count);
    for (let i = 0; overflows && i < count; i++) {
      if (this.#overflows[i] !== NO_BUCKET) this.#findPairInChain(i, hashes[from + i * stride]);
    }
    this.#touchRecords(count, valueBytesMax === NO_VALUES ? 1 : 2);
    this.#endStep();
    this.#copyKeys(hashes, from, stride, count, valueBytesMax);
    this.#endStep();
    this.#confirm(hashes, from, stride, count);
  }

  /** False if there is no key of a hash, or several, or if something has changed meanwhile. */
  isFound(i: number): boolean {
    return this.#pairs[i] !== 0;
  }

  #findBuckets(hashes: Int32Array, from: number, stride: number, count: number): void {
    const { control, slots } = this.#pool;
    const metas = this.#metas;
    const buckets = this.#buckets;
    let seen = 0;
    for (let i = 0, at = from; i < count; i++, at += stride) {
      seen ^= control[slots + (hashes[at] >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_META];
    }
    for (let i = 0, at = from; i < count; i++, at += stride) {
      const hash = hashes[at];
      const slotAt = slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
      const meta = control[slotAt + SLOT_META];
      metas[i] = meta;
      buckets[i] = bucketAt(control, slotAt, bucketIndex(hash, meta));
    }
    this.touched ^= seen ^ this.#touchBuckets(count);
  }

  /**
   * Looks at buckets. Nearly all are in the first region, whose view is at hand: of a loop as short
   * as that the processor begins all loads before it waits for one.
   */
  #touchBuckets(count: number): number {
    const buckets = this.#buckets;
    const first = this.#pool.index[0]!;
    const end = first.length;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const bucket = buckets[i] as BucketId;
      const at = bucketWord(bucket);
      if (bucket >>> REGION_BUCKETS_LOG2 === 0 && at < end) seen ^= first[at];
      else seen ^= bucketRegion(this.#pool, bucket)[at];
    }
    return seen;
  }

  /**
   * Finds the pairs of hashes in their first buckets, without a branch that depends on where they
   * are: the processor would guess wrong nearly each time, and give up what it has begun for the
   * next keys.
   *
   * @returns whether more buckets have to be looked at for some of them
   */
  #findPairs(hashes: Int32Array, from: number, stride: number, count: number): boolean {
    const pool = this.#pool;
    const pairs = this.#pairs;
    const overflows = this.#overflows;
    const buckets = this.#buckets;
    let needsMore = false;
    for (let i = 0, next = from; i < count; i++, next += stride) {
      const hash = hashes[next];
      const bucket = buckets[i] as BucketId;
      pairs[i] = 0;
      overflows[i] = NO_BUCKET;
      if (bucket === NO_BUCKET) continue;
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      let tags = 0;
      let found = 0;
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        const difference = region[word] ^ hash;
        // All bits of it if they are the same; nothing that could overflow, which would be looked
        // for.
        const same = ~(difference | -difference) >> 31;
        tags = (tags - same) | 0;
        found |= word & same;
      }
      const overflow = region[at + BUCKET_OVERFLOW] as BucketId;
      if (overflow !== NO_BUCKET || tags > 1) {
        const more = overflow === NO_BUCKET ? bucket : overflow;
        overflows[i] = more;
        this.touched ^= bucketRegion(pool, more)[bucketWord(more)];
        needsMore = true;
      } else if (tags === 1) {
        this.#take(i, region, found + 1);
      }
    }
    return needsMore;
  }

  /** Finds the only pair of a hash that has several buckets, or tags. */
  #findPairInChain(i: number, hash: number): void {
    let pairCount = 0;
    for (let bucket = this.#buckets[i] as BucketId; bucket !== NO_BUCKET;) {
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash || region[word + 1] === NO_ADDRESS) continue;
        pairCount += 1;
        this.#take(i, region, word + 1);
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
      // The region of the next bucket may have grown before that was linked here.
      this.#endStep();
    }
    if (pairCount !== 1) this.#pairs[i] = 0;
  }

  #take(i: number, region: Int32Array, pairAt: number): void {
    const address = region[pairAt];
    this.#regions[i] = region;
    this.#addresses[i] = address;
    this.#pairs[i] = address === NO_ADDRESS ? 0 : pairAt;
  }

  /**
   * Looks at the records, and at the generations of their segments.
   *
   * @param lines behind the one in which a record begins, in which what is wanted of it mostly ends
   */
  #touchRecords(count: number, lines: 1 | 2): void {
    const pool = this.#pool;
    const pairs = this.#pairs;
    const addresses = this.#addresses;
    const first = pool.words[0]!;
    const lastWord = lines * CACHE_LINE_WORDS;
    const end = first.length - lastWord;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const address = addresses[i] as PoolAddress;
      if (pairs[i] === 0) continue;
      const at = pool.wordAt(address);
      const isFirst = address >>> REGION_UNITS_LOG2 === 0 && at < end;
      if (isFirst) seen ^= first[at] ^ first[at + CACHE_LINE_WORDS] ^ first[at + lastWord];
      else seen ^= pool.wordsOf(address)[at];
    }
    const { control } = pool;
    const generations = this.#generations;
    const { segmentShift } = pool;
    for (let i = 0; i < count; i++) {
      if (pairs[i] === 0) continue;
      generations[i] = control[GENERATIONS + (addresses[i] >>> segmentShift)];
    }
    this.touched ^= seen;
  }

  #copyKeys(
    hashes: Int32Array,
    from: number,
    stride: number,
    count: number,
    valueBytesMax: number,
  ): void {
    const pool = this.#pool;
    const { keys } = this;
    const pairs = this.#pairs;
    const addresses = this.#addresses;
    const generations = this.#generations;
    const regions = this.#regions;
    for (let i = 0, at = from; i < count; i++, at += stride) {
      const pairAt = pairs[i];
      if (pairAt === 0) continue;
      const region = regions[i]!;
      const address = addresses[i] as PoolAddress;
      const key = keys[i]!;
      // Without this second load the generation could be one in which the record was already gone.
      if (region[pairAt] !== address) pairs[i] = 0;
      else key.copyRecord(pool, hashes[at], region, pairAt, address, generations[i], valueBytesMax);
    }
  }

  /** Forgets keys that were not whole, or beside which there may be another one of their hash. */
  #confirm(hashes: Int32Array, from: number, stride: number, count: number): void {
    const { control, slots, segmentShift } = this.#pool;
    const metas = this.#metas;
    const pairs = this.#pairs;
    const addresses = this.#addresses;
    const generations = this.#generations;
    for (let i = 0, at = from; i < count; i++, at += stride) {
      const generation = control[GENERATIONS + (addresses[i] >>> segmentShift)];
      const meta = control[slots + (hashes[at] >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_META];
      if (generation !== generations[i] || meta !== metas[i]) pairs[i] = 0;
    }
  }

  /** What is loaded afterwards is not loaded before. */
  #endStep(): void {
    if (NEEDS_FENCE) Atomics.add(this.#step, 0, 0);
    else Atomics.load(this.#step, 0);
  }
}
