/**
 * Finds the keys of many hashes, as {@linkcode KeyResolver.find} does, but one step of the protocol
 * for all of them, and then the next one: the processor then waits for many words of memory at one
 * time, where it would wait for one after the other.
 *
 * It finds a key that is the only one of its hash, as nearly all are; the others have to be
 * resolved. What is different about the protocol is only that more time passes between its steps.
 *
 * @module
 */
import { arch } from "node:os";
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { BUCKET_OVERFLOW, bucketRegion, bucketWord, PAIR_WORDS } from "../index/bucket_layout.ts";
import { bucketAt, bucketIndex } from "../index/slot_extents.ts";
import { GENERATIONS, SLOT_META, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { FoundKey } from "./found_key.ts";

/** Whether plain loads can be delayed past a later atomic load on this processor. */
const NEEDS_FENCE = !["x64", "ia32"].includes(arch());

/** Words of a cache line. */
const CACHE_LINE_WORDS = 16;

/** Looks for some keys after others. */
export class KeyLookahead {
  /** What has been touched, which means nothing: so no compiler leaves it out. */
  touched = 0;
  readonly #pool: Pool;
  readonly #hashes: Int32Array;
  readonly #metas: Int32Array;
  readonly #buckets: Int32Array;
  /** Where the address of the only pair of a hash is in its region; 0 if there is none. */
  readonly #pairs: Int32Array;
  readonly #addresses: Int32Array;
  readonly #fence = new Int32Array(1);

  /** Looks for so many keys of a pool at one time, at most. */
  constructor(pool: Pool, countMax: number) {
    this.#pool = pool;
    this.#hashes = new Int32Array(countMax);
    this.#metas = new Int32Array(countMax);
    this.#buckets = new Int32Array(countMax);
    this.#pairs = new Int32Array(countMax);
    this.#addresses = new Int32Array(countMax);
  }

  /**
   * Looks for the keys of some entries.
   *
   * @param hashes words of which every so many-th, from an index on, is a hash
   */
  look(hashes: Int32Array, from: number, stride: number, count: number): void {
    const pool = this.#pool;
    const { control } = pool;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[from + i * stride];
      const slotAt = pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
      const meta = Atomics.load(control, slotAt + SLOT_META);
      const bucket = bucketAt(control, slotAt, bucketIndex(hash, meta));
      this.#hashes[i] = hash;
      this.#metas[i] = meta;
      this.#buckets[i] = bucket;
      if (bucket !== NO_BUCKET) seen ^= bucketRegion(pool, bucket)[bucketWord(bucket)];
    }
    for (let i = 0; i < count; i++) {
      this.#findPair(i);
      const address = this.#addresses[i] as PoolAddress;
      const words = pool.wordsOf(address);
      const at = pool.wordAt(address);
      // Most records end in the line behind the one in which they begin.
      seen ^= words[at] ^ words[Math.min(at + CACHE_LINE_WORDS, words.length - 1)];
    }
    this.touched ^= seen;
  }

  /**
   * Takes the only key of one of the hashes.
   *
   * @returns false if there is none, or several, or if something has changed meanwhile
   */
  take(i: number, key: FoundKey): boolean {
    const pool = this.#pool;
    const { control } = pool;
    const pairAt = this.#pairs[i];
    if (pairAt === 0) return false;
    const hash = this.#hashes[i];
    const address = this.#addresses[i] as PoolAddress;
    const region = bucketRegion(pool, this.#buckets[i] as BucketId);
    const generationAt = GENERATIONS + pool.segmentOf(address);
    const generation = Atomics.load(control, generationAt);
    // Without this second load the generation could be one in which the record was already gone.
    if (Atomics.load(region, pairAt) !== address) return false;
    key.copyRecord(pool, hash, region, pairAt, address, generation);
    if (NEEDS_FENCE) Atomics.add(this.#fence, 0, 0);
    if (Atomics.load(control, generationAt) !== generation) return false;
    // Else there could be another key of the hash, which has moved.
    const metaAt = pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_META;
    return Atomics.load(control, metaAt) === this.#metas[i];
  }

  #findPair(i: number): void {
    const pool = this.#pool;
    const hash = this.#hashes[i];
    this.#pairs[i] = 0;
    this.#addresses[i] = NO_ADDRESS;
    for (let bucket = this.#buckets[i] as BucketId; bucket !== NO_BUCKET;) {
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash) continue;
        const address = Atomics.load(region, word + 1) as PoolAddress;
        if (address === NO_ADDRESS) continue;
        const isOnly = this.#addresses[i] === NO_ADDRESS;
        this.#pairs[i] = isOnly ? word + 1 : 0;
        this.#addresses[i] = address;
        this.#buckets[i] = bucket;
      }
      bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
    }
  }
}
