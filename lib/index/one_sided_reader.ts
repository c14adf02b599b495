/**
 * Reads records from any thread without locks and without writing anything shared (I6). In a pool
 * that evicts a read writes one word, a hint: the count of its record (bucket_layout.ts), by which
 * nothing but what is dropped is decided.
 *
 * The protocol, after DESIGN 6, and why each step is needed:
 *
 * 1. Load the slot's META, scan the bucket's tags, load the address of a matching pair.
 * 2. Load the generation of the address's segment, **then load the address again**. If it is the
 *    same, the record was reachable at a moment after the generation was loaded, so its segment was
 *    not free at that moment, and this generation is the one in which the record lives (I10).
 * 3. Compare the whole key, copy the record's value into private memory.
 * 4. Load the generation again. If it is the same, no thread had begun to reuse the segment, so
 *    what was copied is the record, whole (I2). If not, start over.
 * 5. A key that was not found is reported only if META is the same as in step 1: otherwise a
 *    doubling or a compaction may have moved the key from a place not yet looked at to one already
 *    passed.
 *
 * A record that is *pending* is one of an atomic commit that is being made. What its key holds is
 * said by one word for all keys of the commit (agent/shown_commit.ts), and the read takes effect
 * when that is loaded. For any other record the price is one comparison of a word that is needed
 * anyway.
 *
 * Otherwise a read takes effect at the second load of the address (a hit) or at the scan (a miss).
 * A value returned by a hit was the key's value at that moment; so reads are linearizable with the
 * owner's stores to the address word (I4).
 *
 * Memory order: `Atomics` are sequentially consistent among themselves. The plain loads of steps 1
 * and 3 must not be delayed past the load of step 4. x86-64 never reorders loads, and the compilers
 * of V8 and JSC move nothing across an `Atomics` operation. Other processors may, so there a
 * read-modify-write of a private word stands between.
 *
 * @module
 */
import {
  type BucketId,
  NO_ADDRESS,
  NO_BUCKET,
  type PoolAddress,
  type Slot,
} from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import type { EncodedKey, KeyEncoder, StoredKey } from "../core/key_encoder.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import { scratchBytes } from "../core/scratch_bytes.ts";
import {
  keyEquals,
  metaKind,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  RecordKind,
  recordVersion,
  valueWord,
} from "../log/record_layout.ts";
import { fence } from "../platform/memory_order.ts";
import { GENERATIONS, SLOT_META, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { evicts } from "../pool/when_full.ts";
import {
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  raisePairCount,
} from "./bucket_layout.ts";
import { Holds, holdsOf } from "./pending_record.ts";
import { bucketAt, bucketIndex } from "./slot_extents.ts";
import { keysOfTable } from "./slot_keys.ts";

/** Smallest size of the scratch buffer for values, in bytes. */
const SCRATCH_BYTES_MIN = 4096;
/** Largest scratch buffer that is kept between reads. */
const SCRATCH_BYTES_KEPT = 1024 * 1024;

/** Where a record was found. */
export interface IndexPlace {
  /** Where the pair has its address: a region of the index, and the index of a word in it. */
  readonly region: Int32Array;
  readonly pairAt: number;
  readonly address: PoolAddress;
  /** Generation of the record's segment then. */
  readonly generation: number;
  /** Words of the record, which are the same as long as the generation is. */
  readonly meta: number;
  readonly valueBytes: number;
  /** Milliseconds since the epoch; Infinity if the record does not expire. */
  readonly expiresAtMs: number;
}

/** Reads one record at a time; the fields describe the last one found. */
export class OneSidedReader {
  /** The value's bytes start at 0; longer than the value. Valid until the next read. */
  value: Uint8Array = new Uint8Array(0);
  /** Length of the value in bytes. */
  valueBytes = 0;
  /** Version of the record. */
  version = 0;
  /** Expiry time in milliseconds since the epoch, or Infinity. */
  expiresAtMs = Infinity;
  /** Address of the record. */
  address: PoolAddress = NO_ADDRESS;
  /** Generation of the record's segment while it was read. */
  generation = 0;
  /** Reads that had to start over, for stats. */
  retryCount = 0;

  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #clock: () => number;
  #valueWords: Int32Array = new Int32Array(0);
  readonly #evicts: boolean;
  /**
   * Whether reads of values raise the counts of their records, in a pool that evicts; other pools
   * have no counts. Off for a scan, which says nothing about what will be read again.
   */
  raisesCounts = true;

  /** Reads from a pool; `clock` tells the time in milliseconds since the epoch. */
  constructor(pool: Pool, clock: () => number) {
    this.#pool = pool;
    this.#clock = clock;
    this.#control = pool.control;
    this.#evicts = evicts(pool);
    this.#growScratch(SCRATCH_BYTES_MIN);
  }

  /**
   * Finds the record of the encoded key and copies its value.
   *
   * @param key the key, encoded
   * @param withValue false to find out only whether there is one
   * @returns whether there is one that has not expired; if so the fields describe it
   */
  read(key: KeyEncoder, withValue: boolean): boolean {
    const hash = key.hash;
    const slotAt = this.#pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
    for (;;) {
      const meta = Atomics.load(this.#control, slotAt + SLOT_META);
      const outcome = this.#scan(key, hash, slotAt, meta, withValue);
      if (outcome === FOUND) return true;
      if (outcome === GONE) return false;
      if (outcome === ABSENT && Atomics.load(this.#control, slotAt + SLOT_META) === meta) {
        return false;
      }
      this.retryCount += 1;
    }
  }

  #scan(
    key: KeyEncoder,
    hash: number,
    slotAt: number,
    meta: number,
    withValue: boolean,
  ): Outcome {
    const pool = this.#pool;
    const control = this.#control;
    let bucket = bucketAt(control, slotAt, bucketIndex(hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash) continue;
        const address = Atomics.load(region, word + 1) as PoolAddress;
        if (address === NO_ADDRESS) continue;
        const generationAt = GENERATIONS + (address >>> pool.segmentShift);
        const generation = Atomics.load(control, generationAt);
        // Without this second load the generation could be one in which the record was already
        // gone.
        if (Atomics.load(region, word + 1) !== address) return RACED;
        const words = pool.wordsOf(address);
        const recordAt = pool.wordAt(address);
        const equal = keyEquals(words, recordAt, key.words, 0, key.byteLength);
        if (!equal) {
          // A record that is being overwritten compares unequal to anything.
          if (!this.#isUnchanged(generationAt, generation)) return RACED;
          continue;
        }
        const recordMeta = words[recordAt + RECORD_META];
        if (metaKind(recordMeta) !== RecordKind.PUT) {
          return this.#takeCommitted(address, generation, withValue);
        }
        const valueBytes = words[recordAt + RECORD_VALUE_BYTES];
        const version = recordVersion(recordMeta, words[recordAt + RECORD_VERSION_LOW]);
        const expiresAtMs = recordExpiry(words, recordAt);
        // The length decides how much is copied, so it must be the record's before it is used.
        if (!this.#isUnchanged(generationAt, generation)) return RACED;
        if (expiresAtMs !== Infinity && expiresAtMs <= this.#clock()) return GONE;
        if (withValue) {
          this.#copyValue(words, recordAt + valueWord(recordMeta), valueBytes);
          // Without this check the copy could be half of one record and half of another.
          if (!this.#isUnchanged(generationAt, generation)) return RACED;
          if (this.#evicts && this.raisesCounts) raisePairCount(region, word + 1);
        }
        this.valueBytes = valueBytes;
        this.version = version;
        this.expiresAtMs = expiresAtMs;
        this.address = address;
        this.generation = generation;
        return FOUND;
      }
      bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
    }
    return ABSENT;
  }

  /**
   * Reads a record that this thread has found in the index, without a search. If the pair still
   * leads to it, that is the second load of the address, and the moment of the read.
   *
   * @param withValue false to find out only whether there is one
   * @returns whether it has not expired, if so the fields describe it; undefined if the key has to
   *   be read: its record is another one by now, or of a commit that is being made
   */
  readFound(_key: KeyEncoder, place: IndexPlace, withValue: boolean): boolean | undefined {
    const { address, generation, meta, valueBytes } = place;
    // A record that is a put stays one; what is pending becomes one, or does not.
    if (metaKind(meta) !== RecordKind.PUT) return undefined;
    if (Atomics.load(place.region, place.pairAt) !== address) return undefined;
    const outcome = this.#takeKnown(address, generation, meta, valueBytes, withValue);
    return outcome === RACED ? undefined : outcome === FOUND;
  }

  /**
   * Whether a key holds what was found and copied before: its pair still leads to that record,
   * which is the moment of the read, and the record, of the same generation, has not expired.
   */
  holdsFound(_key: EncodedKey, place: IndexPlace): boolean {
    const { region, pairAt, address, generation, meta, expiresAtMs } = place;
    return metaKind(meta) === RecordKind.PUT && Atomics.load(region, pairAt) === address &&
      // Plain, and not before the load above: a generation that is the same now was so then.
      this.#control[GENERATIONS + (address >>> this.#pool.segmentShift)] === generation &&
      (expiresAtMs === Infinity || expiresAtMs > this.#clock());
  }

  /**
   * Takes what a key holds whose pair points at a record of an atomic commit that is being made:
   * the record, or the one that it replaces (agent/shown_commit.ts).
   */
  #takeCommitted(address: PoolAddress, generation: number, withValue: boolean): Outcome {
    const pool = this.#pool;
    const generationAt = GENERATIONS + pool.segmentOf(address);
    const holds = holdsOf(pool, address);
    const old = pool.wordsOf(address)[pool.wordAt(address) + RECORD_REPLACES] as PoolAddress;
    if (!this.#isUnchanged(generationAt, generation)) return RACED;
    if (holds === Holds.NEW) return this.#take(address, generation, withValue);
    if (holds !== Holds.OLD) return holds === Holds.NOTHING ? GONE : RACED;
    if (old === NO_ADDRESS) return GONE;
    const oldGeneration = Atomics.load(this.#control, GENERATIONS + pool.segmentOf(old));
    // Without this second look the generation could be one in which the old record was already
    // gone.
    if (holdsOf(pool, address) !== Holds.OLD) return RACED;
    if (!this.#isUnchanged(generationAt, generation)) return RACED;
    return this.#take(old, oldGeneration, withValue);
  }

  /** Takes a record that was live in a generation of its segment. */
  #take(address: PoolAddress, generation: number, withValue: boolean): Outcome {
    const words = this.#pool.wordsOf(address);
    const recordAt = this.#pool.wordAt(address);
    const meta = words[recordAt + RECORD_META];
    const valueBytes = words[recordAt + RECORD_VALUE_BYTES];
    // Before as much is copied as it says.
    if (withValue && !this.#isOfLife(address, generation)) return RACED;
    return this.#takeKnown(address, generation, meta, valueBytes, withValue);
  }

  /**
   * The same of one whose meta word and length are known to be of that generation, or need not be.
   */
  #takeKnown(
    address: PoolAddress,
    generation: number,
    meta: number,
    valueBytes: number,
    withValue: boolean,
  ): Outcome {
    const words = this.#pool.wordsOf(address);
    const recordAt = this.#pool.wordAt(address);
    const version = recordVersion(meta, words[recordAt + RECORD_VERSION_LOW]);
    const expiresAtMs = recordExpiry(words, recordAt);
    if (withValue) this.#copyValue(words, recordAt + valueWord(meta), valueBytes);
    if (!this.#isOfLife(address, generation)) return RACED;
    if (expiresAtMs !== Infinity && expiresAtMs <= this.#clock()) return GONE;
    this.valueBytes = valueBytes;
    this.version = version;
    this.expiresAtMs = expiresAtMs;
    this.address = address;
    this.generation = generation;
    return FOUND;
  }

  /** Whether the record at an address is in memory as it was in a generation of its segment. */
  #isOfLife(address: PoolAddress, generation: number): boolean {
    return this.#isUnchanged(GENERATIONS + this.#pool.segmentOf(address), generation);
  }

  /**
   * Whether the index still yields a record that was read before, without a look at the record;
   * false also if it cannot be found because the table is changing. It was the key's newest record
   * when its address was loaded: see client/client_cache.ts.
   *
   * @param hash hash of the record's key
   * @param address where the record was
   * @param generation what the segment's generation was then
   */
  isCurrent(hash: number, address: PoolAddress, generation: number): boolean {
    const pool = this.#pool;
    const control = this.#control;
    const slotAt = pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
    const meta = Atomics.load(control, slotAt + SLOT_META);
    let bucket = bucketAt(control, slotAt, bucketIndex(hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash || Atomics.load(region, word + 1) !== address) continue;
        if (this.#evicts && this.raisesCounts) raisePairCount(region, word + 1);
        return Atomics.load(control, GENERATIONS + (address >>> pool.segmentShift)) === generation;
      }
      bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
    }
    return false;
  }

  /**
   * Collects the keys of a slot that start with `prefix`, as of one moment at which the structure
   * of the slot's table did not change. The store's own keys are left out.
   */
  collectKeys(slot: Slot, prefix: Uint8Array): StoredKey[] {
    for (;;) {
      const keys = keysOfTable(this.#pool, slot, prefix);
      if (keys !== undefined) return keys;
      this.retryCount += 1;
    }
  }

  #copyValue(words: Int32Array, from: number, valueBytes: number): void {
    const wordCount = (valueBytes + 3) >>> 2;
    if (wordCount > this.#valueWords.length) this.#growScratch(wordCount * 4);
    copyWords(words, from, this.#valueWords, 0, wordCount);
  }

  #growScratch(bytes: number): void {
    const size = Math.max(SCRATCH_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)));
    const buffer = new ArrayBuffer(size);
    this.#valueWords = new Int32Array(buffer);
    this.value = scratchBytes(buffer);
  }

  /** Gives back a scratch buffer that a huge value has blown up. */
  shrinkScratch(): void {
    if (this.#valueWords.byteLength > SCRATCH_BYTES_KEPT) this.#growScratch(SCRATCH_BYTES_MIN);
  }

  #isUnchanged(generationAt: number, generation: number): boolean {
    fence();
    return Atomics.load(this.#control, generationAt) === generation;
  }
}

/** What a scan of one bucket chain came to. */
const FOUND = 0;
const ABSENT = 1;
const GONE = 2;
const RACED = 3;
type Outcome = typeof FOUND | typeof ABSENT | typeof GONE | typeof RACED;
