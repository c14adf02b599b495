/**
 * Finds the record of a key in a far pool: by verbs, from the KN that owns the key's slot.
 *
 * The protocol is that of index/one_sided_reader.ts, with the same reasons (I6, I10); a bucket and
 * a record are copied into private memory by one read each. Beside this KN only a merger of its log
 * and a cleaner change the slot's table: they change where the newest merged record is, or which
 * record that is, and both are found as in any other race.
 *
 * A **shortcut** is a record's address with the generation that its segment had. It is good while
 * the segment still has that generation: then no writer has begun to overwrite the record. A
 * cleaner may have moved the record, but the copy that it has left behind says the same. That no
 * newer record exists is known by the KN, since it writes all of them.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../../core/brands.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_WORDS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../../index/bucket_layout.ts";
import { bucketAt, bucketIndex } from "../../index/slot_extents.ts";
import {
  keyEquals,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  recordVersion,
  recordWords,
  valueWord,
} from "../../log/record_layout.ts";
import type { KeyWords } from "../../log/record_key.ts";
import { GENERATIONS, SLOT_META, SLOT_WORDS } from "../../pool/control_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import type { Verbs } from "../../pool/verbs.ts";
import type { FoundValue } from "../../log/record_view.ts";

const SCRATCH_WORDS_MIN = 1024;

/** What looking at one record, or for one key, came to. */
const FOUND = 0;
const ABSENT = 1;
const RACED = 2;
type Outcome = typeof FOUND | typeof ABSENT | typeof RACED;

/**
 * Reads one record at a time; the fields describe the last one found, whether it has expired or
 * not.
 */
export class PoolReader implements FoundValue {
  /** Private memory; the record begins at 0. Valid until the next read. */
  words: Int32Array = new Int32Array(SCRATCH_WORDS_MIN);
  valueAt = 0;
  valueBytes = 0;
  version = 0;
  expiresAtMs = Infinity;
  /** Where the record is, and the generation of its segment. */
  address: PoolAddress = NO_ADDRESS;
  generation = 0;
  /** Bytes of the whole record. */
  recordBytes = 0;
  /** Round trips that the last call has taken. */
  roundTrips = 0;

  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #verbs: Verbs;
  readonly #bucket: Int32Array = new Int32Array(BUCKET_WORDS);

  /** Reads from a pool, by a KN's verbs. */
  constructor(pool: Pool, verbs: Verbs) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#verbs = verbs;
  }

  /** Finds a key's record through the index. */
  find(key: KeyWords): boolean {
    const slotAt = this.#pool.slots + (key.hash >>> SLOT_SHIFT) * SLOT_WORDS;
    this.roundTrips = 0;
    for (;;) {
      const meta = Atomics.load(this.#control, slotAt + SLOT_META);
      const outcome = this.#scan(key, slotAt, meta);
      if (outcome === FOUND) return true;
      const isSame = Atomics.load(this.#control, slotAt + SLOT_META) === meta;
      if (outcome === ABSENT && isSame) return false;
    }
  }

  /** Reads the record that a shortcut leads to; false when the shortcut is not good any more. */
  readAt(key: KeyWords, address: PoolAddress, generation: number): boolean {
    this.roundTrips = 0;
    const generationAt = GENERATIONS + this.#pool.segmentOf(address);
    return Atomics.load(this.#control, generationAt) === generation &&
      this.#readRecord(key, address, generationAt, generation) === FOUND;
  }

  #scan(key: KeyWords, slotAt: number, meta: number): Outcome {
    let bucket = bucketAt(this.#control, slotAt, bucketIndex(key.hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      this.#verbs.read(region, at, this.#bucket, 0, BUCKET_WORDS);
      this.roundTrips += 1;
      for (let word = 0; word < PAIR_WORDS; word += 2) {
        if (this.#bucket[word] !== key.hash) continue;
        const address = Atomics.load(region, at + word + 1) as PoolAddress;
        if (address === NO_ADDRESS) continue;
        const generationAt = GENERATIONS + this.#pool.segmentOf(address);
        const generation = Atomics.load(this.#control, generationAt);
        // Without this second load the generation could be one in which the record was already
        // gone.
        if (Atomics.load(region, at + word + 1) !== address) return RACED;
        const outcome = this.#readRecord(key, address, generationAt, generation);
        if (outcome !== ABSENT) return outcome;
      }
      bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
    }
    return ABSENT;
  }

  /** Copies a record, and takes it if it is the key's. */
  #readRecord(
    key: KeyWords,
    address: PoolAddress,
    generationAt: number,
    generation: number,
  ): Outcome {
    const source = this.#pool.wordsOf(address);
    const from = this.#pool.wordAt(address);
    const length = recordWords(source[from + RECORD_META], source[from + RECORD_VALUE_BYTES]);
    // The length decides how much is copied, so it must be the record's before it is used.
    if (Atomics.load(this.#control, generationAt) !== generation) return RACED;
    if (length > this.words.length) this.words = new Int32Array(2 ** Math.ceil(Math.log2(length)));
    this.#verbs.read(source, from, this.words, 0, length);
    this.roundTrips += 1;
    // Without this check the copy could be half of one record and half of another.
    if (Atomics.load(this.#control, generationAt) !== generation) return RACED;
    const { words } = this;
    if (!keyEquals(words, 0, key.words, key.start, key.byteLength)) return ABSENT;
    this.address = address;
    this.generation = generation;
    this.recordBytes = length * 4;
    this.valueAt = valueWord(words[RECORD_META]);
    this.valueBytes = words[RECORD_VALUE_BYTES];
    this.version = recordVersion(words[RECORD_META], words[RECORD_VERSION_LOW]);
    this.expiresAtMs = recordExpiry(words, 0);
    return FOUND;
  }
}
