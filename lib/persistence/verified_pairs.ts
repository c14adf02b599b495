/**
 * The check of the records of an index by a standby: the same as index_check.ts makes, but of what
 * is new since the last time.
 *
 * A pair of the index, once checked, says of the memory that at its address a PUT begins, how long
 * it is and whether it expires, and that its key has the pair's hash and no other pair of the slot
 * has that key. All of it stays true while the memory there is not written anew
 * (loaded_segments.ts says up to where it was not), whatever index the pair is found in next. So:
 *
 * 1. A pair that the index had at the last check, in the same slot, within what was walked then, is
 *    known. Slots' versions only grow; where one has not, no pair of the slot is known.
 * 2. Every other pair must be met, at its address, by a walk over the records of its segment, and
 *    is checked in full there: hash, version, and that no other pair has its key.
 * 3. Every record behind what was walked is walked, for its length.
 *
 * The counts are sums over all pairs, known and new, so nothing is counted twice or kept from
 * before: keys that expire of each slot, live bytes of each segment.
 *
 * @module
 */
import {
  type BucketId,
  NO_ADDRESS,
  NO_BUCKET,
  type PoolAddress,
  type SegmentId,
  type Slot,
} from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { halfSipHash13 } from "../core/half_sip_hash.ts";
import { ADDRESS_UNIT_BYTES, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_WORDS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../index/bucket_layout.ts";
import { bucketAt, bucketIndex, metaLog2 } from "../index/slot_extents.ts";
import {
  FLAG_EXPIRES,
  keyEquals,
  metaKeyBytes,
  metaKind,
  possibleRecordBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import { INDEX_SPACE_NEXT, SLOT_EXTENTS, SLOT_META, SLOT_WORDS } from "../pool/control_layout.ts";
import { SEGMENT_LIVE_BYTES, SEGMENT_USED_BYTES } from "../pool/segment_layout.ts";
import { REGION_BUCKETS_LOG2 } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { slotVersion } from "../pool/slot_version.ts";
import { LIVE_UNKNOWN } from "./checkpoint_layout.ts";
import type { SegmentFindings } from "./index_check.ts";
import type { LoadedSegments } from "./loaded_segments.ts";

/** Of a pair that was checked: bytes of its record, and whether that expires; 0: not checked. */
const EXPIRES = 1;
/** Pairs of a bucket, and one more: the place of a pair is half of its word's. */
const BUCKET_PLACES = BUCKET_WORDS / 2;

/** The pairs of an index that were checked the last time. */
export class VerifiedPairs {
  /** Words of the slots, and of the buckets by region. */
  #slots: Int32Array = new Int32Array(SLOT_COUNT * SLOT_WORDS);
  #buckets: Int32Array[] = [];
  /** By the place of a pair; see {@linkcode EXPIRES}. */
  #facts: Uint32Array[] = [];

  /**
   * Checks the records of a pool whose tables are known to be right, in the middle of a replay: the
   * index may point at deletes, and nothing is counted.
   *
   * @param path the checkpoint, for errors
   * @throws {CorruptionError} when something is impossible
   */
  checkAhead(pool: Pool, loaded: LoadedSegments, path: string): void {
    const check = this.#newCheck(pool, loaded, path);
    check.run();
    const bucketCount = pool.control[INDEX_SPACE_NEXT];
    this.#slots = copyInto(this.#slots, pool.control.subarray(pool.slots, pool.segments));
    this.#buckets = check.facts.map((facts, region) => {
      const words = bucketRegion(pool, (bucketCount - 1) as BucketId) && pool.index[region];
      return copyInto(this.#buckets[region], words.subarray(0, facts.length * 2));
    });
    this.#facts = check.facts;
  }

  /** Forgets everything: the pairs are of memory that is not used any more. */
  forget(): void {
    this.#slots.fill(0);
    this.#buckets = [];
    this.#facts = [];
  }

  /**
   * Checks the records when all has been replayed, and sets the live bytes of the segments.
   *
   * @param mustCount whether the live bytes that the segments have are not to be compared
   * @throws {CorruptionError} when something is impossible
   */
  checkAtEnd(
    pool: Pool,
    loaded: LoadedSegments,
    path: string,
    mustCount: boolean,
  ): SegmentFindings {
    return this.#newCheck(pool, loaded, path).run({ mustCount });
  }

  #newCheck(pool: Pool, loaded: LoadedSegments, path: string): PairCheck {
    return new PairCheck(pool, loaded, path, this.#slots, this.#buckets, this.#facts);
  }
}

/** One check. */
class PairCheck {
  readonly facts: Uint32Array[] = [];
  readonly #pool: Pool;
  readonly #loaded: LoadedSegments;
  readonly #path: string;
  readonly #slots: Int32Array;
  readonly #buckets: readonly Int32Array[];
  readonly #known: readonly Uint32Array[];
  readonly #live: Float64Array;
  /** By segment: whether a pair that is not known points into what was walked. */
  readonly #isWanted: Uint8Array;
  readonly #records = new Int32Array(SLOT_COUNT);
  readonly #expiring = new Int32Array(SLOT_COUNT);
  #newCount = 0;
  #liveCount = 0;

  constructor(
    pool: Pool,
    loaded: LoadedSegments,
    path: string,
    slots: Int32Array,
    buckets: readonly Int32Array[],
    known: readonly Uint32Array[],
  ) {
    this.#pool = pool;
    this.#loaded = loaded;
    this.#path = path;
    this.#slots = slots;
    this.#buckets = buckets;
    this.#known = known;
    this.#live = new Float64Array(pool.segmentLimit);
    this.#isWanted = new Uint8Array(pool.segmentLimit);
    const bucketCount = pool.control[INDEX_SPACE_NEXT];
    for (let first = 0; first < bucketCount; first += 1 << REGION_BUCKETS_LOG2) {
      const count = Math.min(1 << REGION_BUCKETS_LOG2, bucketCount - first);
      this.facts.push(new Uint32Array(count * BUCKET_PLACES));
    }
  }

  /** Checks; sets live bytes at the `end` of a replay only. */
  run(end?: { readonly mustCount: boolean }): SegmentFindings {
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#lookUp(slot as Slot);
    for (let i = 0; i < this.#pool.segmentLimit; i++) {
      this.#walk(i as SegmentId, end === undefined);
      if (end !== undefined) this.#setLive(i as SegmentId, end.mustCount);
    }
    this.#require(this.#newCount === 0, "the index points at something that is not a record");
    return { liveCount: this.#liveCount, records: this.#records, expiring: this.#expiring };
  }

  /** Looks the pairs of a slot up in what was checked. */
  #lookUp(slot: Slot): void {
    const { control } = this.#pool;
    const at = this.#pool.slotAt(slot);
    if (control[at + SLOT_EXTENTS] === NO_BUCKET) return;
    const knownAt = slot * SLOT_WORDS;
    const mayBeKnown = this.#slots[knownAt + SLOT_EXTENTS] !== NO_BUCKET &&
      slotVersion(control, at) >= slotVersion(this.#slots, knownAt);
    const log2 = metaLog2(control[at + SLOT_META]);
    // Mostly a pair is where it was: in the same bucket of the table, in the same place.
    const isAlike = mayBeKnown && metaLog2(this.#slots[knownAt + SLOT_META]) === log2;
    for (let index = 0; index < 1 << log2; index++) {
      let known = isAlike ? bucketAt(this.#slots, knownAt, index) : NO_BUCKET;
      for (let bucket = bucketAt(control, at, index); bucket !== NO_BUCKET;) {
        bucket = this.#lookUpBucket(slot, bucket, known, mayBeKnown ? knownAt : -1);
        if (known !== NO_BUCKET) known = this.#nextKnown(known);
      }
    }
  }

  /** Looks up the pairs of one bucket; returns the next one of the chain. */
  #lookUpBucket(slot: Slot, bucket: BucketId, alike: BucketId, knownAt: number): BucketId {
    const region = bucketRegion(this.#pool, bucket);
    const word = bucketWord(bucket);
    const facts = this.facts[bucket >>> REGION_BUCKETS_LOG2];
    const knownWords = this.#buckets[alike >>> REGION_BUCKETS_LOG2];
    const knownFacts = this.#known[alike >>> REGION_BUCKETS_LOG2];
    const offset = bucketWord(alike) - word;
    for (let pair = word; pair < word + PAIR_WORDS; pair += 2) {
      const address = region[pair + 1] as PoolAddress;
      if (address === NO_ADDRESS) continue;
      const hash = region[pair];
      let fact = 0;
      if (knownAt >= 0 && this.#isWalked(address)) {
        const isThere = alike !== NO_BUCKET && knownWords[pair + offset + 1] === address &&
          knownWords[pair + offset] === hash;
        fact = isThere
          ? knownFacts[(pair + offset) >>> 1]
          : this.#knownFact(knownAt, hash, address);
      }
      if (fact === 0) this.#want(address);
      else this.#count(slot, address, fact);
      facts[pair >>> 1] = fact;
    }
    return region[word + BUCKET_OVERFLOW] as BucketId;
  }

  #nextKnown(bucket: BucketId): BucketId {
    const words = this.#buckets[bucket >>> REGION_BUCKETS_LOG2];
    return words[bucketWord(bucket) + BUCKET_OVERFLOW] as BucketId;
  }

  /** What was found of a pair the last time; 0 if it was not there. */
  #knownFact(slotAt: number, hash: number, address: PoolAddress): number {
    const meta = this.#slots[slotAt + SLOT_META];
    let bucket = bucketAt(this.#slots, slotAt, bucketIndex(hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = this.#buckets[bucket >>> REGION_BUCKETS_LOG2];
      const word = bucketWord(bucket);
      for (let pair = word; pair < word + PAIR_WORDS; pair += 2) {
        if (region[pair] === hash && region[pair + 1] === address) {
          return this.#known[bucket >>> REGION_BUCKETS_LOG2][pair >>> 1];
        }
      }
      bucket = region[word + BUCKET_OVERFLOW] as BucketId;
    }
    return 0;
  }

  /** Whether a record is in memory that was walked, and not written anew since then. */
  #isWalked(address: PoolAddress): boolean {
    const segment = this.#pool.segmentOf(address);
    return this.#offsetIn(segment, address) < this.#loaded.walkedBytes(segment);
  }

  /** Notes a pair that has to be met on a walk. */
  #want(address: PoolAddress): void {
    this.#newCount += 1;
    if (this.#isWalked(address)) this.#isWanted[this.#pool.segmentOf(address)] = 1;
  }

  #count(slot: Slot, address: PoolAddress, fact: number): void {
    this.#liveCount += 1;
    this.#records[slot] += 1;
    this.#expiring[slot] += fact & EXPIRES;
    this.#live[this.#pool.segmentOf(address)] += fact & ~EXPIRES;
  }

  /** Walks over the records of a segment, or those that are new. */
  #walk(segment: SegmentId, mayHaveDeletes: boolean): void {
    const pool = this.#pool;
    const at = pool.segmentAt(segment);
    const used = pool.control[at + SEGMENT_USED_BYTES];
    if (used === 0) return;
    const walked = this.#isWanted[segment] === 1 ? 0 : this.#loaded.walkedBytes(segment);
    const start = pool.segmentAddress(segment) >>> 0;
    const end = start + used / ADDRESS_UNIT_BYTES;
    for (
      let next = start + Math.max(walked, SEGMENT_HEADER_BYTES) / ADDRESS_UNIT_BYTES;
      next < end;
    ) {
      const address = (next | 0) as PoolAddress;
      const words = pool.wordsOf(address);
      const word = pool.wordAt(address);
      const bytesLeft = (end - next) * ADDRESS_UNIT_BYTES;
      const bytes = possibleRecordBytes(words, word, bytesLeft, RecordKind.FRAME);
      this.#require(bytes > 0, `a record in segment ${segment}`);
      const kind = metaKind(words[word + RECORD_META]);
      if (kind === RecordKind.PUT) this.#meet(address, words, word, bytes);
      else if (mayHaveDeletes && kind === RecordKind.DELETE) {
        this.#meetDelete(address, words[word + RECORD_HASH]);
      }
      next += bytes / ADDRESS_UNIT_BYTES;
    }
    this.#loaded.noteWalked(segment, used);
  }

  #setLive(segment: SegmentId, mustCount: boolean): void {
    const { control } = this.#pool;
    const at = this.#pool.segmentAt(segment);
    if (control[at + SEGMENT_USED_BYTES] === 0) return;
    const live = control[at + SEGMENT_LIVE_BYTES];
    const isRight = mustCount || live === LIVE_UNKNOWN || live === this.#live[segment];
    this.#require(isRight, `the live bytes of segment ${segment}`);
    control[at + SEGMENT_LIVE_BYTES] = this.#live[segment];
  }

  /** Checks the pair that points at a put, if there is one that is not known. */
  #meet(address: PoolAddress, words: Int32Array, word: number, bytes: number): void {
    const pool = this.#pool;
    const hash = words[word + RECORD_HASH];
    const slot = (hash >>> SLOT_SHIFT) as Slot;
    const place = this.#placeOf(address, hash);
    if (place === undefined || place.facts[place.at] !== 0) return;
    const meta = words[word + RECORD_META];
    const [key0, key1] = pool.hashKey;
    const actual = halfSipHash13(key0, key1, words, word + RECORD_KEY, metaKeyBytes(meta));
    this.#require(actual === hash, `the hash of a record of slot ${slot}`);
    const version = recordVersion(meta, words[word + RECORD_VERSION_LOW]);
    this.#require(
      version <= slotVersion(pool.control, pool.slotAt(slot)),
      `the version of a record of slot ${slot}`,
    );
    this.#requireAlone(hash, address, slot);
    const fact = bytes | ((meta & FLAG_EXPIRES) === 0 ? 0 : EXPIRES);
    place.facts[place.at] = fact;
    this.#count(slot, address, fact);
    this.#newCount -= 1;
  }

  /** A pair that points at a delete stays unknown: it goes when the replay ends. */
  #meetDelete(address: PoolAddress, hash: number): void {
    if (this.#placeOf(address, hash) !== undefined) this.#newCount -= 1;
  }

  /** Where the facts are of the pair that points at a record. */
  #placeOf(address: PoolAddress, hash: number): { facts: Uint32Array; at: number } | undefined {
    const pool = this.#pool;
    for (let bucket = this.#firstBucket(hash); bucket !== NO_BUCKET;) {
      const region = bucketRegion(pool, bucket);
      const from = bucketWord(bucket);
      for (let pair = from; pair < from + PAIR_WORDS; pair += 2) {
        if (region[pair] === hash && region[pair + 1] === address) {
          return { facts: this.facts[bucket >>> REGION_BUCKETS_LOG2], at: pair >>> 1 };
        }
      }
      bucket = region[from + BUCKET_OVERFLOW] as BucketId;
    }
    return undefined;
  }

  #firstBucket(hash: number): BucketId {
    const { control } = this.#pool;
    const at = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    return bucketAt(control, at, bucketIndex(hash, control[at + SLOT_META]));
  }

  /** Requires that no other pair of a chain has the key of a record. */
  #requireAlone(hash: number, address: PoolAddress, slot: Slot): void {
    const pool = this.#pool;
    const words = pool.wordsOf(address);
    const word = pool.wordAt(address);
    const keyBytes = metaKeyBytes(words[word + RECORD_META]);
    let count = 0;
    for (let bucket = this.#firstBucket(hash); bucket !== NO_BUCKET;) {
      const region = bucketRegion(pool, bucket);
      const from = bucketWord(bucket);
      for (let pair = from; pair < from + PAIR_WORDS; pair += 2) {
        const other = region[pair + 1] as PoolAddress;
        if (region[pair] !== hash || other === NO_ADDRESS) continue;
        const isSame = other === address ||
          keyEquals(pool.wordsOf(other), pool.wordAt(other), words, word + RECORD_KEY, keyBytes);
        if (isSame) count += 1;
      }
      bucket = region[from + BUCKET_OVERFLOW] as BucketId;
    }
    this.#require(count === 1, `two pairs of slot ${slot} with one key`);
  }

  #offsetIn(segment: SegmentId, address: PoolAddress): number {
    return ((address >>> 0) - (this.#pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
  }

  #require(condition: boolean, what: string): void {
    if (!condition) {
      throw new CorruptionError(this.#path, 0, `${what} cannot be right, although the CRCs are`);
    }
  }
}

/** Copies words into memory of the same length, if there is such memory. */
function copyInto(old: Int32Array | undefined, words: Int32Array): Int32Array {
  if (old === undefined || old.length !== words.length) return words.slice();
  old.set(words);
  return old;
}
