/**
 * Checks a whole pool at a moment when nobody is in the middle of a step: index, records, live
 * bytes, segment states and free lists must agree to the byte.
 *
 * @module
 */
import {
  type BucketId,
  type CellId,
  NO_BUCKET,
  type PoolAddress,
  type SegmentId,
  type Slot,
} from "../../lib/core/brands.ts";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { ADDRESS_UNIT_BYTES, SLOT_SHIFT } from "../../lib/core/limits.ts";
import {
  BUCKET_NEXT_FREE,
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../../lib/index/bucket_layout.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { bucketAt, metaLog2 } from "../../lib/index/slot_extents.ts";
import { keyCount, keysOfSlots } from "../../lib/index/key_count.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import {
  FLAG_EXPIRES,
  metaKeyBytes,
  metaKind,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  recordWords,
  SEGMENT_HEADER_BYTES,
} from "../../lib/log/record_layout.ts";
import { CELL_ADDRESS, CELL_KEY, CELL_KEY_META } from "../../lib/pool/cell_layout.ts";
import {
  AGENT_HOST,
  GATE_DEFER_FREE,
  INDEX_SPACE_FREE,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_LOCK,
  INDEX_SPACE_NEXT,
  OWNER_TABLE,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENTS,
  SLOT_LOCK,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../../lib/pool/control_layout.ts";
import {
  SEGMENT_LIVE_BYTES,
  SEGMENT_PINS,
  SEGMENT_USED_BYTES,
} from "../../lib/pool/segment_layout.ts";
import { isOrdered } from "../../lib/ordered/ordered_index.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { FreeSegments } from "../../lib/pool/free_segments.ts";
import { DeferFree, SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { cellsEnd, hashOfCell, loadRoute, NO_ROUTE } from "../../lib/routing/cells.ts";
import { evicts } from "../../lib/pool/when_full.ts";
import { compareKeys } from "./range_model.ts";
import { require } from "./sim_model.ts";

/** Buckets that agents may keep because they did not get the lock of the free list. */
const KEPT_BUCKETS_MAX = 8;

/** What may differ from what is checked. */
export interface PoolCheckOptions {
  /**
   * Threads have died, and what they had counted as live need not have been published: cleaning
   * finds that out later.
   *
   * @default false
   */
  readonly mayCountTooMuch?: boolean;
}

/**
 * Throws if anything in the pool contradicts anything else.
 *
 * @param slots the slots that are in use
 */
export function checkPool(
  pool: Pool,
  slots: readonly Slot[],
  options: PoolCheckOptions = {},
): void {
  const check = new PoolCheck(pool, options);
  for (const slot of slots) check.slot(slot);
  check.entries();
  check.segments();
  check.indexSpace();
  if (isOrdered(pool)) checkOrder(pool);
}

/**
 * Throws if the order of the keys is not one tree, or does not give each key of the index once, in
 * its place.
 */
function checkOrder(pool: Pool): void {
  const { problems } = checkOrderedIndex(pool);
  require(problems.length === 0, `order: ${problems.join("; ")}`);
  const cursor = new RangeCursor(pool);
  for (const isReverse of [false, true]) {
    let last: Uint8Array | undefined;
    let count = 0;
    cursor.seek({}, isReverse);
    for (; cursor.next(); count++) {
      const { bytes } = cursor.key;
      const order = last === undefined ? 1 : compareKeys(bytes, last) * (isReverse ? -1 : 1);
      require(order > 0, `order: key ${count} is not behind the one before it`);
      last = bytes;
    }
    const expected = keysOfSlots(pool);
    require(count === expected, `order: ${count} keys in a scan, ${expected} in the index`);
  }
}

/** Throws if a cell says anything but what the index says, when all that was logged is merged. */
export function checkCells(pool: Pool): void {
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  for (let i = 0; i < cellsEnd(pool); i++) {
    const cell = i as CellId;
    if (loadRoute(pool, cell) === NO_ROUTE) continue;
    const at = pool.cellAt(cell);
    const { control } = pool;
    const hash = hashOfCell(pool, cell);
    const slotAt = pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    const keyBytes = metaKeyBytes(control[at + CELL_KEY_META]);
    const indexed = table.find(slotAt, hash, control, at + CELL_KEY, keyBytes);
    const said = control[at + CELL_ADDRESS];
    require(said === indexed, `I4: cell ${cell} says ${said}, the index ${indexed}`);
  }
}

/** Version of a slot's newest record. */
export function slotVersion(pool: Pool, slot: Slot): number {
  const at = pool.slotAt(slot);
  return pool.control[at + SLOT_VERSION_HIGH] * 2 ** 32 +
    (pool.control[at + SLOT_VERSION_LOW] >>> 0);
}

/** Every record that the index reaches: where it is, and its words. */
export function reachableRecords(
  pool: Pool,
  slots: readonly Slot[],
): { readonly at: number; readonly words: Int32Array }[] {
  const records: { at: number; words: Int32Array }[] = [];
  for (const slot of slots) {
    forEachBucket(pool, slot, (bucket) => {
      forEachPair(pool, bucket, (_, address) => {
        const words = pool.wordsOf(address as PoolAddress);
        const at = pool.wordAt(address as PoolAddress);
        const length = recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]);
        records.push({ at, words: words.slice(at, at + length) });
      });
    });
  }
  return records;
}

/**
 * Calls `visit` with every bucket of a slot's table, and the place in the table that its chain has.
 */
function forEachBucket(
  pool: Pool,
  slot: Slot,
  visit: (bucket: BucketId, index: number, isHome: boolean) => void,
): void {
  const at = pool.slotAt(slot);
  if (pool.control[at + SLOT_EXTENTS] === NO_BUCKET) return;
  const bucketCount = 1 << metaLog2(pool.control[at + SLOT_META]);
  for (let index = 0; index < bucketCount; index++) {
    const home = bucketAt(pool.control, at, index);
    for (let bucket = home; bucket !== NO_BUCKET;) {
      visit(bucket, index, bucket === home);
      bucket = wordOf(pool, bucket, BUCKET_OVERFLOW) as BucketId;
    }
  }
}

function forEachPair(
  pool: Pool,
  bucket: BucketId,
  visit: (hash: number, address: number) => void,
): void {
  for (let word = 0; word < PAIR_WORDS; word += 2) {
    const address = wordOf(pool, bucket, word + 1);
    if (address !== 0) visit(wordOf(pool, bucket, word), address);
  }
}

function wordOf(pool: Pool, bucket: BucketId, word: number): number {
  return bucketRegion(pool, bucket)[bucketWord(bucket) + word];
}

class PoolCheck {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #segments: SegmentTable;
  readonly #free: FreeSegments;
  readonly #mayCountTooMuch: boolean;
  /** Bytes that the index reaches, by segment. */
  readonly #liveBytes: number[];
  readonly #buckets = new Set<BucketId>();
  #recordCount = 0;

  constructor(pool: Pool, { mayCountTooMuch = false }: PoolCheckOptions) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#segments = new SegmentTable(pool);
    this.#free = new FreeSegments(pool);
    this.#mayCountTooMuch = mayCountTooMuch;
    this.#liveBytes = new Array<number>(pool.geometry.segmentCount).fill(0);
  }

  slot(slot: Slot): void {
    const control = this.#control;
    const at = this.#pool.slotAt(slot);
    require(
      control[at + SLOT_LOCK] === control[OWNER_TABLE + slot],
      `I1: slot ${slot} is locked, or its two owner words differ`,
    );
    const mask = (1 << metaLog2(control[at + SLOT_META])) - 1;
    const counts = { records: 0, expiring: 0, overflows: 0 };
    const keys = new Set<string>();
    forEachBucket(this.#pool, slot, (bucket, index, isHome) => {
      require(!this.#buckets.has(bucket), `bucket ${bucket} is in one place only`);
      this.#buckets.add(bucket);
      if (!isHome) counts.overflows += 1;
      forEachPair(this.#pool, bucket, (hash, address) => {
        require((hash & mask) === index, `slot ${slot}: a pair is in its bucket`);
        const meta = this.#record(slot, hash, address, keys);
        counts.records += 1;
        if ((meta & FLAG_EXPIRES) !== 0) counts.expiring += 1;
      });
    });
    require(counts.records === control[at + SLOT_RECORD_COUNT], `slot ${slot}: record count`);
    this.#recordCount += counts.records;
    require(counts.expiring === control[at + SLOT_EXPIRING_COUNT], `slot ${slot}: expiring count`);
    require(counts.overflows === control[at + SLOT_OVERFLOW_COUNT], `slot ${slot}: overflows`);
  }

  entries(): void {
    // The bound of the number of keys rests on it.
    if (!evicts(this.#pool)) return;
    const counted = keyCount(this.#pool);
    require(counted === this.#recordCount, `${counted} keys are counted of ${this.#recordCount}`);
  }

  segments(): void {
    const control = this.#control;
    const free = this.#freeSegments();
    const isDeferred = control[GATE_DEFER_FREE] === DeferFree.YES;
    for (let id = 0; id < this.#pool.geometry.segmentCount; id++) {
      const at = this.#pool.segmentAt(id as SegmentId);
      const state = this.#segments.state(id as SegmentId);
      const live = control[at + SEGMENT_LIVE_BYTES];
      const found = this.#liveBytes[id]!;
      const isFree = state === SegmentState.FREE;
      const isThere = id < this.#pool.segmentLimit;
      require(isFree || isThere, `segment ${id}: nothing is beyond the limit`);
      require(
        free.has(id) === (isFree && isThere),
        `segment ${id}: free segments are in the set of them`,
      );
      if (isFree || state === SegmentState.FREE_PENDING) {
        require(
          found === 0,
          `I10: segment ${id} was freed, and ${found} bytes of it are reachable`,
        );
        require(isFree || isDeferred, `segment ${id} was never freed`);
        continue;
      }
      // A reservation of a large value counts as live before the index knows it.
      const isPinned = control[at + SEGMENT_PINS] !== 0;
      require(
        isPinned || this.#mayCountTooMuch ? live >= found : live === found,
        `segment ${id} in state ${state} counts ${live} live bytes, the index reaches ${found}`,
      );
      const isLeaked = state === SegmentState.SEALED && live === 0;
      require(!isLeaked, `segment ${id} holds nothing, and was not freed`);
    }
  }

  indexSpace(): void {
    const control = this.#control;
    require(control[INDEX_SPACE_LOCK] === 0, "the index space is unlocked");
    let count = 0;
    let bucket = control[INDEX_SPACE_FREE] as BucketId;
    while (bucket !== NO_BUCKET) {
      require(!this.#buckets.has(bucket), `I10: bucket ${bucket} is free, and in use`);
      this.#buckets.add(bucket);
      bucket = wordOf(this.#pool, bucket, BUCKET_NEXT_FREE) as BucketId;
      count += 1;
    }
    require(count === control[INDEX_SPACE_FREE_COUNT], "free overflow buckets are counted");
    const next = control[INDEX_SPACE_NEXT];
    // A doubling that ran out of overflow buckets leaks its extent, so a full index has some more.
    const isFull = next > this.#pool.geometry.bucketCount / 2;
    const lostCount = next - 1 - this.#buckets.size;
    require(
      isFull || (lostCount >= 0 && lostCount <= KEPT_BUCKETS_MAX),
      "buckets are in use or free",
    );
  }

  /** Checks the record behind a pair; returns its META word. */
  #record(slot: Slot, hash: number, address: number, keys: Set<string>): number {
    const pool = this.#pool;
    const unit = address >>> 0;
    const segment = (unit >>> pool.segmentShift) as SegmentId;
    const words = pool.wordsOf(address as PoolAddress);
    const at = pool.wordAt(address as PoolAddress);
    const meta = words[at + RECORD_META];
    const bytes = recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4;
    const offset = (unit - (pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
    const what = `the record at ${unit} of slot ${slot}`;
    require(metaKind(meta) === RecordKind.PUT, `I2: ${what} is complete`);
    require(words[at + RECORD_HASH] === hash, `I2: ${what} has the hash of its pair`);
    require(hash >>> SLOT_SHIFT === slot, `I2: ${what} is of that slot`);
    const keyBytes = metaKeyBytes(meta);
    const [key0, key1] = pool.hashKey;
    require(
      halfSipHash13(key0, key1, words, at + RECORD_KEY, keyBytes) === hash,
      `I2: ${what} has the key of its hash`,
    );
    const key = words.slice(at + RECORD_KEY, at + RECORD_KEY + ((keyBytes + 3) >>> 2)).join();
    require(!keys.has(key), `${what} is the only one of its key`);
    keys.add(key);
    const version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
    require(version <= slotVersion(pool, slot), `I9: ${what} is not newer than its slot`);
    const used = this.#control[pool.segmentAt(segment) + SEGMENT_USED_BYTES];
    require(
      offset >= SEGMENT_HEADER_BYTES && offset + bytes <= used,
      `${what} is within the ${used} used bytes of its segment`,
    );
    this.#liveBytes[segment]! += bytes;
    return meta;
  }

  #freeSegments(): Set<number> {
    const free = new Set<number>();
    for (let segment = 0; segment < this.#pool.geometry.segmentCount; segment++) {
      if (this.#free.has(segment as SegmentId)) free.add(segment);
    }
    require(free.size === this.#free.count, "free segments are counted");
    return free;
  }
}
