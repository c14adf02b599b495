/**
 * The DPM pool: the SharedArrayBuffers that hold control words, index and log segments, and the
 * views through which one thread accesses them.
 *
 * The log and the index each consist of regions of at most 1 GiB. A pool address selects a region
 * by its top bits and a word by the rest, so a pool of several regions costs one array load per
 * access.
 *
 * Regions grow as they are used; see growable_buffer.ts for why that is safe. Each access compares
 * the address with the length of this thread's view, which is made anew when the address lies
 * beyond it. A view that was returned for an address is good for the whole segment or bucket of
 * that address, and stays good; **for another address it is asked for again**.
 *
 * @module
 */
import { KEY_TYPE_NUMBERS } from "../core/key_types.ts";
import { assert } from "../core/assert.ts";
import type { BucketId, CellId, PoolAddress, SegmentId, Slot } from "../core/brands.ts";
import { PoolFullError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES, GROWTH_BYTES, REGION_BYTES } from "../core/limits.ts";
import { CELL_WORDS, CELLS_FIRST } from "./cell_layout.ts";
import {
  agentOffset,
  cellsStart,
  CONTROL_LAYOUT_VERSION,
  CONTROL_MAGIC,
  controlWords,
  FREE_SEGMENT_COUNT,
  freeBitsStart,
  GENERATIONS,
  HEADER_HASH_KEY_0,
  HEADER_HASH_KEY_1,
  HEADER_IS_READ_ONLY,
  HEADER_KEY_TYPES,
  HEADER_LAYOUT_VERSION,
  HEADER_MAGIC,
  INDEX_SPACE_NEXT,
  SEGMENT_LIMIT,
  SEGMENT_LIMIT_WANTED,
  segmentsStart,
  SLOT_WORDS,
  slotsStart,
} from "./control_layout.ts";
import { SEGMENT_WORDS } from "./segment_layout.ts";
import {
  BUCKET_BYTES,
  bucketCountOf,
  type Geometry,
  REGION_BUCKETS_LOG2,
  REGION_UNITS_LOG2,
  REGION_UNITS_MASK,
} from "./geometry.ts";
import { allocateGrowable, growTo } from "./growable_buffer.ts";
import {
  LEDGER_FORM,
  LEDGER_NEXT,
  LEDGER_PLACE_COUNT,
  LEDGER_RESERVED,
  LEDGER_SIZES,
  LEDGER_WINDOW,
  ledgerBytes,
  type LedgerSizes,
} from "./ledger_layout.ts";
import { WATCH_BYTES_MAX, watchBytes } from "./watch_layout.ts";

const NO_MEMORY = "the operating system has no memory for what the pool is to hold";

/** What another thread needs to see the same pool; structured-cloneable. */
export interface PoolHandle {
  readonly geometry: Geometry;
  readonly control: SharedArrayBuffer;
  readonly index: readonly SharedArrayBuffer[];
  readonly log: readonly SharedArrayBuffer[];
  /** Bytes by which index and log grow at least, a power of two. */
  readonly growthBytes: number;
  /** Hashes of what was dropped, in a pool that evicts; see eviction/ghost_table.ts. */
  readonly ghosts?: SharedArrayBuffer;
  /** What the threads that watch keys watch, and what has changed; see watch_layout.ts. */
  readonly watch: SharedArrayBuffer;
  /** The tree of the keys, in a pool that is ordered; see ordered/. */
  readonly ordered?: OrderedHandle;
  /** What became of other processes' requests, if it was opened for them; see ledger_layout.ts. */
  readonly ledger?: SharedArrayBuffer;
}

/** Buffers of the ordered index; see ordered/page_layout.ts. */
export interface OrderedHandle {
  readonly table: SharedArrayBuffer;
  readonly blocks: readonly SharedArrayBuffer[];
  /** Pages for which there is address space. */
  readonly pageCount: number;
}

/** One thread's view of the shared pool. */
export class Pool {
  readonly geometry: Geometry;
  #handle: PoolHandle;
  /** Control words; see control_layout.ts. */
  readonly control: Int32Array;
  /** Agents' counters: the control words as float64. */
  readonly counters: Float64Array;
  /** Index regions as words, as far as this thread has seen them; see index/bucket_layout.ts. */
  readonly index: Int32Array[];
  /** Log regions as words, as far as this thread has seen them; see log/record_layout.ts. */
  readonly words: Int32Array[];
  /** Log regions as bytes, in the same way. */
  readonly bytes: Uint8Array[];
  /** Index of the first slot descriptor. */
  readonly slots: number;
  /** Index of the first segment entry. */
  readonly segments: number;
  /** Index of the bits of free segments. */
  readonly freeBits: number;
  /** Index of the indirection cells' words. */
  readonly cells: number;
  /** Right shift that takes an address to its segment. */
  readonly segmentShift: number;
  /**
   * What this thread does when an agent of it leaves the gate; set by a part that has something
   * left to do then.
   */
  afterStep: (() => void) | undefined;
  #watch: Int32Array;
  #ledger: Int32Array | undefined;

  private constructor(handle: PoolHandle) {
    this.#handle = handle;
    this.geometry = handle.geometry;
    this.control = new Int32Array(handle.control);
    this.counters = new Float64Array(handle.control);
    this.index = handle.index.map(wordsOfBuffer);
    this.words = handle.log.map(wordsOfBuffer);
    this.bytes = handle.log.map(bytesOfBuffer);
    this.slots = slotsStart(handle.geometry.segmentCount);
    this.segments = segmentsStart(handle.geometry.segmentCount);
    this.freeBits = freeBitsStart(handle.geometry.segmentCount);
    this.cells = cellsStart(handle.geometry.segmentCount);
    this.segmentShift = handle.geometry.segmentShift;
    this.afterStep = undefined;
    this.#watch = wordsOfBuffer(handle.watch);
    this.#ledger = handle.ledger && wordsOfBuffer(handle.ledger);
    assert(this.control[HEADER_MAGIC] === CONTROL_MAGIC, "the handle is of a pool");
    assert(this.control[HEADER_LAYOUT_VERSION] === CONTROL_LAYOUT_VERSION, "same control layout");
  }

  /** What another thread needs to see the same pool. */
  get handle(): PoolHandle {
    return this.#handle;
  }

  /** Adds the table of ghosts, which may get longer, before any other thread sees the pool. */
  addGhosts(words: number, wordsMax: number): void {
    this.#handle = { ...this.#handle, ghosts: allocateGrowable(words * 4, wordsMax * 4) };
  }

  /** Adds the ordered index, before any other thread sees the pool. */
  addOrdered(ordered: OrderedHandle): void {
    this.#handle = { ...this.#handle, ordered };
  }

  /**
   * Adds the ledger, before any other thread sees the pool.
   *
   * @param form how the pool's codec stores numbers, one of `NumberForm`
   */
  addLedger(form: number, sizes: LedgerSizes = LEDGER_SIZES): void {
    const ledger = new SharedArrayBuffer(ledgerBytes(sizes));
    this.#handle = { ...this.#handle, ledger };
    const words = this.#ledger = wordsOfBuffer(ledger);
    words[LEDGER_NEXT] = words[LEDGER_RESERVED] = 1;
    words[LEDGER_FORM] = form;
    words[LEDGER_PLACE_COUNT] = sizes.placeCount;
    words[LEDGER_WINDOW] = sizes.window;
  }

  /** The words of the ledger, if the pool has one; see ledger_layout.ts. */
  get ledger(): Int32Array | undefined {
    return this.#ledger;
  }

  /** The table of ghosts of a pool that evicts, as long as it is now. */
  viewGhosts(): Int32Array {
    return wordsOfBuffer(this.#handle.ghosts!);
  }

  /** Makes the table of ghosts longer, if there is one, and memory for it. */
  growGhosts(words: number): void {
    const { ghosts } = this.#handle;
    if (ghosts !== undefined) growTo(ghosts, Math.min(words * 4, ghosts.maxByteLength));
  }

  /**
   * Allocates an empty pool. All segments that it has are free.
   *
   * @param geometry its sizes
   * @param hashKey two random 32-bit words
   * @param growthBytes bytes by which index and log grow at least, a power of two and no less than
   *   a bucket
   * @param segmentLimit segments that it has; there is address space for the others
   */
  static create(
    geometry: Geometry,
    hashKey: readonly [number, number],
    growthBytes: number = GROWTH_BYTES,
    segmentLimit: number = geometry.segmentCount,
  ): Pool {
    assert(segmentLimit <= geometry.segmentCount, "there is address space for the segments");
    const { segmentCount, segmentBytes, bucketCount } = geometry;
    const control = new SharedArrayBuffer(Math.ceil(controlWords(segmentCount) / 2) * 8);
    const words = new Int32Array(control);
    words[HEADER_MAGIC] = CONTROL_MAGIC;
    words[HEADER_LAYOUT_VERSION] = CONTROL_LAYOUT_VERSION;
    words[HEADER_HASH_KEY_0] = hashKey[0];
    words[HEADER_HASH_KEY_1] = hashKey[1];
    words[INDEX_SPACE_NEXT] = 1;
    words[SEGMENT_LIMIT] = words[SEGMENT_LIMIT_WANTED] = segmentLimit;
    words[FREE_SEGMENT_COUNT] = segmentLimit;
    const freeBits = freeBitsStart(segmentCount);
    for (let segment = 0; segment < segmentLimit; segment++) {
      words[freeBits + (segment >>> 5)] |= 1 << (segment & 31);
    }
    return new Pool({
      geometry,
      control,
      index: allocateRegions(bucketCount * BUCKET_BYTES, growthBytes),
      log: allocateRegions(segmentCount * segmentBytes, Math.max(growthBytes, segmentBytes)),
      growthBytes,
      watch: allocateGrowable(watchBytes(-1), WATCH_BYTES_MAX),
    });
  }

  /** Views a pool that another thread created. */
  static attach(handle: PoolHandle): Pool {
    return new Pool(handle);
  }

  /** Types of the keys, one of `KEY_TYPE_NUMBERS`. */
  get keyTypes(): number {
    return this.control[HEADER_KEY_TYPES] || KEY_TYPE_NUMBERS.mixed;
  }

  /** Whether the store was opened to be read only: applications change nothing. */
  get isReadOnly(): boolean {
    return this.control[HEADER_IS_READ_ONLY] === 1;
  }

  /** The random words that key the hash. */
  get hashKey(): readonly [number, number] {
    return [this.control[HEADER_HASH_KEY_0], this.control[HEADER_HASH_KEY_1]];
  }

  /** Segments that the pool has; see segment_growth.ts. */
  get segmentLimit(): number {
    return Atomics.load(this.control, SEGMENT_LIMIT);
  }

  /** Bytes of those segments. */
  get capacityBytes(): number {
    return this.segmentLimit * this.geometry.segmentBytes;
  }

  /** Bytes of the segments for which there is address space. */
  get capacityBytesMax(): number {
    return this.geometry.segmentCount * this.geometry.segmentBytes;
  }

  /** Buckets that the index of a pool of that capacity may have: all, if it cannot grow. */
  get bucketLimit(): number {
    const { segmentCount, bucketCount } = this.geometry;
    if (this.segmentLimit === segmentCount) return bucketCount;
    return Math.min(bucketCount, bucketCountOf(this.capacityBytes));
  }

  /** Bytes of all buffers, as they are counted by a runtime: as far as they have grown. */
  get sharedBytes(): number {
    const { control, index, log, watch, ordered, ledger } = this.handle;
    const tree = ordered === undefined ? [] : [ordered.table, ...ordered.blocks];
    const sessions = ledger === undefined ? [] : [ledger];
    return [control, watch, ...index, ...log, ...tree, ...sessions].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
  }

  /**
   * The words of watching threads, up to the end of a place; that has memory if any thread has
   * asked for it before.
   */
  watchWordsOf(place: number): Int32Array {
    const bytes = watchBytes(place);
    if (this.#watch.byteLength >= bytes) return this.#watch;
    if (!growTo(this.handle.watch, bytes)) throw new PoolFullError(NO_MEMORY);
    return this.#watch = wordsOfBuffer(this.handle.watch);
  }

  /** Index of a slot's descriptor in {@linkcode control}. */
  slotAt(slot: Slot): number {
    return this.slots + slot * SLOT_WORDS;
  }

  /** Index of a segment's entry in {@linkcode control}. */
  segmentAt(segment: SegmentId): number {
    return this.segments + segment * SEGMENT_WORDS;
  }

  /** Index of an indirection cell in {@linkcode control}. */
  cellAt(cell: CellId): number {
    return this.cells + CELLS_FIRST + cell * CELL_WORDS;
  }

  /** Index of an agent's block in {@linkcode control}. */
  agentAt(agent: number): number {
    return agentOffset(this.geometry.segmentCount, agent);
  }

  /** The segment that an address is in. */
  segmentOf(address: PoolAddress): SegmentId {
    return (address >>> this.segmentShift) as SegmentId;
  }

  /** The log region that an address is in, as words. */
  wordsOf(address: PoolAddress): Int32Array {
    const words = this.words[address >>> REGION_UNITS_LOG2];
    return (address & REGION_UNITS_MASK) << 1 < words.length ? words : this.#seeWords(address);
  }

  /** The log region that an address is in, as bytes. */
  bytesOf(address: PoolAddress): Uint8Array {
    const bytes = this.bytes[address >>> REGION_UNITS_LOG2];
    return (address & REGION_UNITS_MASK) * ADDRESS_UNIT_BYTES < bytes.length
      ? bytes
      : this.#seeBytes(address);
  }

  /** Index of an address's first word in its region. */
  wordAt(address: PoolAddress): number {
    return (address & REGION_UNITS_MASK) << 1;
  }

  /** Address of a segment's first byte. */
  segmentAddress(segment: SegmentId): PoolAddress {
    return ((segment << this.segmentShift) | 0) as PoolAddress;
  }

  /** Makes sure that a segment has memory; false when the operating system has none. */
  coverSegment(segment: SegmentId): boolean {
    const { segmentBytes } = this.geometry;
    const region = this.segmentAddress(segment) >>> REGION_UNITS_LOG2;
    const end = this.wordAt(this.segmentAddress(segment)) * 4 + segmentBytes;
    return this.#cover(
      this.handle.log[region],
      end,
      Math.max(this.handle.growthBytes, segmentBytes),
    );
  }

  /**
   * Makes sure that the buckets before one have memory, in all regions; false when the operating
   * system has none.
   */
  coverBuckets(end: number): boolean {
    const regions = this.handle.index;
    for (let region = 0, bytes = end * BUCKET_BYTES; bytes > 0; region++, bytes -= REGION_BYTES) {
      const covered = Math.min(bytes, REGION_BYTES);
      if (!this.#cover(regions[region], covered, this.handle.growthBytes)) return false;
    }
    return true;
  }

  /** This thread's view of the index region of a bucket that lies beyond the view that it has. */
  seeBucket(bucket: BucketId): Int32Array {
    const region = bucket >>> REGION_BUCKETS_LOG2;
    if (!this.coverBuckets(bucket + 1)) throw new PoolFullError(NO_MEMORY);
    return this.index[region] = wordsOfBuffer(this.handle.index[region]);
  }

  #seeWords(address: PoolAddress): Int32Array {
    const region = address >>> REGION_UNITS_LOG2;
    if (!this.coverSegment(this.segmentOf(address))) throw new PoolFullError(NO_MEMORY);
    return this.words[region] = wordsOfBuffer(this.handle.log[region]);
  }

  #seeBytes(address: PoolAddress): Uint8Array {
    const region = address >>> REGION_UNITS_LOG2;
    if (!this.coverSegment(this.segmentOf(address))) throw new PoolFullError(NO_MEMORY);
    return this.bytes[region] = bytesOfBuffer(this.handle.log[region]);
  }

  /** Makes sure that a region has a length, rounded up to whole steps. */
  #cover(region: SharedArrayBuffer, byteLength: number, stepBytes: number): boolean {
    if (region.byteLength >= byteLength) return true;
    const rounded = Math.ceil(byteLength / stepBytes) * stepBytes;
    return growTo(region, Math.min(rounded, region.maxByteLength));
  }

  /** How often a segment was reused. Pairs with the bump in {@linkcode SegmentTable.free}. */
  loadGeneration(segment: SegmentId): number {
    return Atomics.load(this.control, GENERATIONS + segment);
  }
}

/**
 * Splits a size into buffers of at most one region. The first one begins with a step, which every
 * pool needs.
 */
function allocateRegions(bytes: number, stepBytes: number): SharedArrayBuffer[] {
  const regions: SharedArrayBuffer[] = [];
  for (let start = 0; start < bytes; start += REGION_BYTES) {
    const maxBytes = Math.min(REGION_BYTES, bytes - start);
    regions.push(allocateGrowable(start === 0 ? Math.min(stepBytes, maxBytes) : 0, maxBytes));
  }
  return regions;
}

// With a length: a view without one follows the buffer's, and is slow.
function wordsOfBuffer(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >>> 2);
}

function bytesOfBuffer(buffer: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(buffer, 0, buffer.byteLength);
}

assert(REGION_BYTES / ADDRESS_UNIT_BYTES === REGION_UNITS_MASK + 1, "a region is a power of two");
