/**
 * Checks a restored index against the restored log.
 *
 * CRCs say that the files are as they were written, not that they make sense. An index that does
 * not could make a reader run in circles, read beyond a buffer or return another key's value, so a
 * snapshot is believed only after this:
 *
 * 1. Every bucket is in at most one chain: of one slot, or of the free list. So chains end, and
 *    slots share nothing.
 * 2. Every record of the log has a possible length, and ends within its segment's used bytes.
 * 3. Every pair of the index points at the start of a PUT record with the same hash, which is the
 *    hash of the record's key, no other pair has that key, and the slot has seen the record's
 *    version. The log is walked and each record looked up, which finds the same as walking the
 *    index and looking at each record, but reads the log in order.
 * 4. What is counted, is right: keys and expiring keys of each slot, live bytes of each segment.
 *    After a replay, which does not count, the counts are set instead.
 *
 * @module
 */
import {
  type BucketId,
  NO_BUCKET,
  type PoolAddress,
  type SegmentId,
  type Slot,
} from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { halfSipHash13 } from "../core/half_sip_hash.ts";
import { ADDRESS_UNIT_BYTES, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import {
  BUCKET_NEXT_FREE,
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../index/bucket_layout.ts";
import { IndexSpace } from "../index/index_space.ts";
import { bucketAt, metaLog2 } from "../index/slot_extents.ts";
import { SlotTable } from "../index/slot_table.ts";
import {
  FLAG_EXPIRES,
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
import {
  AGENT_HOST,
  INDEX_SPACE_FREE,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_NEXT,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENT_COUNT,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import { SEGMENT_LIVE_BYTES } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { slotVersion } from "../pool/slot_version.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { LIVE_UNKNOWN } from "./checkpoint_layout.ts";

/** What was found in segments; structured-cloneable. */
export interface SegmentFindings {
  /** Records that the index points at, in all and by slot, and how many of them expire. */
  readonly liveCount: number;
  /** See {@linkcode liveCount}. */
  readonly records: Int32Array;
  /** See {@linkcode liveCount}. */
  readonly expiring: Int32Array;
}

type MutableFindings = { -readonly [Name in keyof SegmentFindings]: SegmentFindings[Name] };

/** Checks one restored pool. */
export class IndexCheck {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #mustCount: boolean;
  readonly #isVisited: Uint8Array;
  readonly #records = new Int32Array(SLOT_COUNT);
  readonly #expiring = new Int32Array(SLOT_COUNT);
  /** First address unit behind the pool. */
  readonly #unitsEnd: number;
  #pairCount = 0;
  #liveCount = 0;

  /** Checks the pool that was restored from the checkpoint at `path`. */
  constructor(pool: Pool, path: string, mustCount = false) {
    this.#pool = pool;
    this.#path = path;
    this.#mustCount = mustCount;
    this.#unitsEnd = pool.capacityBytes / ADDRESS_UNIT_BYTES;
    this.#isVisited = new Uint8Array(pool.control[INDEX_SPACE_NEXT]);
  }

  /**
   * Checks the structure of the index: from then on no thread runs in circles in it, or out of it.
   *
   * @throws {CorruptionError} when something is impossible
   */
  checkTables(): void {
    this.#isVisited.fill(0);
    this.#pairCount = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#checkTable(slot as Slot);
    this.#checkFreeList();
  }

  /**
   * Checks the records, and that they and the index belong together, after the tables.
   *
   * @param parts what others have found in parts of the segments; all segments are looked at here
   *   otherwise
   * @throws {CorruptionError} when something is impossible
   */
  checkRecords(parts?: readonly SegmentFindings[]): void {
    for (const part of parts ?? [this.checkSegments(0, this.#pool.segmentLimit)]) {
      this.#liveCount += part.liveCount;
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        this.#records[slot] += part.records[slot];
        this.#expiring[slot] += part.expiring[slot];
      }
    }
    if (this.#liveCount !== this.#pairCount) {
      throw this.#corruption("the index points at something that is not a record");
    }
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#checkCounts(slot as Slot);
  }

  /**
   * Checks the segments from one number to before another, and sets their live bytes; any thread
   * may.
   *
   * @throws {CorruptionError} when something is impossible
   */
  checkSegments(from: number, to: number): SegmentFindings {
    const found: MutableFindings = {
      liveCount: 0,
      records: new Int32Array(SLOT_COUNT),
      expiring: new Int32Array(SLOT_COUNT),
    };
    const segments = new SegmentTable(this.#pool);
    for (let i = from; i < to; i++) {
      const segment = i as SegmentId;
      if (segments.state(segment) === SegmentState.FREE) continue;
      this.#checkSegment(segment, segments.usedBytes(segment), found);
    }
    return found;
  }

  #checkTable(slot: Slot): void {
    const { control } = this.#pool;
    const at = this.#pool.slotAt(slot);
    const log2 = metaLog2(control[at + SLOT_META]);
    const isEmpty = control[at + SLOT_EXTENTS] === NO_BUCKET;
    const isTable = log2 < SLOT_EXTENT_COUNT && (!isEmpty || log2 === 0);
    if (!isTable) throw this.#corruption(`the table of slot ${slot}`);
    for (let extent = 0; extent < SLOT_EXTENT_COUNT; extent++) {
      const first = control[at + SLOT_EXTENTS + extent];
      const count = extent === 0 ? 1 : 1 << (extent - 1);
      const isUsed = extent <= log2 && !isEmpty;
      const isInside = first > 0 && first + count <= this.#isVisited.length;
      const isRight = isUsed ? isInside : first === 0;
      if (!isRight) throw this.#corruption(`extent ${extent} of slot ${slot}`);
    }
    if (isEmpty) return;
    let overflowCount = 0;
    for (let index = 0; index < 1 << log2; index++) {
      overflowCount += this.#checkChain(bucketAt(control, at, index), slot, index, (1 << log2) - 1);
    }
    if (overflowCount !== control[at + SLOT_OVERFLOW_COUNT]) {
      throw this.#corruption(`the overflow buckets of slot ${slot}`);
    }
  }

  /** Visits a chain; returns its number of overflow buckets. */
  #checkChain(first: BucketId, slot: Slot, index: number, mask: number): number {
    let length = 0;
    for (let bucket = first; bucket !== NO_BUCKET; length++) {
      this.#visit(bucket);
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word + 1] === 0) continue;
        const belongs = region[word] >>> SLOT_SHIFT === slot && (region[word] & mask) === index;
        const isInside = (region[word + 1] >>> 0) < this.#unitsEnd;
        if (!belongs || !isInside) throw this.#corruption(`a pair of slot ${slot}`);
        this.#pairCount += 1;
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
    }
    return length - 1;
  }

  #checkFreeList(): void {
    const { control } = this.#pool;
    let count = 0;
    for (let bucket = control[INDEX_SPACE_FREE] as BucketId; bucket !== NO_BUCKET; count++) {
      this.#visit(bucket);
      const region = bucketRegion(this.#pool, bucket);
      bucket = region[bucketWord(bucket) + BUCKET_NEXT_FREE] as BucketId;
    }
    if (count !== control[INDEX_SPACE_FREE_COUNT]) {
      throw this.#corruption("the list of free buckets");
    }
  }

  #visit(bucket: BucketId): void {
    const isInside = bucket > 0 && bucket < this.#isVisited.length;
    if (!isInside || this.#isVisited[bucket] !== 0) throw this.#corruption(`bucket ${bucket}`);
    this.#isVisited[bucket] = 1;
  }

  /** Walks the records of a segment. */
  #checkSegment(segment: SegmentId, usedBytes: number, found: MutableFindings): void {
    const pool = this.#pool;
    const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
    const start = pool.segmentAddress(segment) >>> 0;
    const end = start + usedBytes / ADDRESS_UNIT_BYTES;
    let liveBytes = 0;
    for (let next = start + SEGMENT_HEADER_BYTES / ADDRESS_UNIT_BYTES; next < end;) {
      const address = (next | 0) as PoolAddress;
      const words = pool.wordsOf(address);
      const at = pool.wordAt(address);
      const bytesLeft = (end - next) * ADDRESS_UNIT_BYTES;
      const bytes = possibleRecordBytes(words, at, bytesLeft, RecordKind.FRAME);
      if (bytes <= 0) throw this.#corruption(`a record in segment ${segment}`);
      const hash = words[at + RECORD_HASH];
      const slot = (hash >>> SLOT_SHIFT) as Slot;
      const meta = words[at + RECORD_META];
      const keyBytes = metaKeyBytes(meta);
      const isLive = metaKind(meta) === RecordKind.PUT &&
        table.find(pool.slotAt(slot), hash, words, at + RECORD_KEY, keyBytes) === address;
      if (isLive) {
        const [key0, key1] = pool.hashKey;
        const actual = halfSipHash13(key0, key1, words, at + RECORD_KEY, keyBytes);
        if (actual !== hash) throw this.#corruption(`the hash of a record in segment ${segment}`);
        const version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
        if (version > slotVersion(pool.control, pool.slotAt(slot))) {
          throw this.#corruption(`the version of a record of slot ${slot}`);
        }
        found.liveCount += 1;
        found.records[slot] += 1;
        if ((meta & FLAG_EXPIRES) !== 0) found.expiring[slot] += 1;
        liveBytes += bytes;
      }
      next += bytes / ADDRESS_UNIT_BYTES;
    }
    const liveAt = pool.segmentAt(segment) + SEGMENT_LIVE_BYTES;
    const isRight = this.#mustCount || pool.control[liveAt] === liveBytes ||
      pool.control[liveAt] === LIVE_UNKNOWN;
    if (!isRight) throw this.#corruption(`the live bytes of segment ${segment}`);
    pool.control[liveAt] = liveBytes;
  }

  #checkCounts(slot: Slot): void {
    const at = this.#pool.slotAt(slot);
    if (this.#mustCount) {
      this.#pool.control[at + SLOT_EXPIRING_COUNT] = this.#expiring[slot];
    }
    const isRight = this.#records[slot] === this.#pool.control[at + SLOT_RECORD_COUNT] &&
      this.#expiring[slot] === this.#pool.control[at + SLOT_EXPIRING_COUNT];
    if (!isRight) throw this.#corruption(`the counts of slot ${slot}`);
  }

  /**
   * Made only where it is thrown: a name for each slot that is right would be most of the check.
   */
  #corruption(what: string): CorruptionError {
    return new CorruptionError(this.#path, 0, `${what} cannot be right, although the CRCs are`);
  }
}
