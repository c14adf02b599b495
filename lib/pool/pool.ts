/**
 * The DPM pool: the SharedArrayBuffers that hold control words, index and log segments, and the views
 * through which one thread accesses them.
 *
 * The log and the index each consist of regions of at most 1 GiB. A pool address selects a region by its
 * top bits and a word by the rest, so a pool of several regions costs one array load per access.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { CellId, PoolAddress, SegmentId, Slot } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, REGION_BYTES } from "../core/limits.ts";
import {
  agentOffset,
  CELL_WORDS,
  CELLS_FIRST,
  cellsStart,
  CONTROL_LAYOUT_VERSION,
  CONTROL_MAGIC,
  controlWords,
  FREE_SEGMENT_COUNT,
  freeBitsStart,
  GENERATIONS,
  HEADER_HASH_KEY_0,
  HEADER_HASH_KEY_1,
  HEADER_LAYOUT_VERSION,
  HEADER_MAGIC,
  INDEX_SPACE_NEXT,
  SEGMENT_WORDS,
  segmentsStart,
  SLOT_WORDS,
  slotsStart,
} from "./control_layout.ts";
import { BUCKET_BYTES, type Geometry, REGION_UNITS_LOG2, REGION_UNITS_MASK } from "./geometry.ts";

/** What another thread needs to see the same pool; structured-cloneable. */
export interface PoolHandle {
  readonly geometry: Geometry;
  readonly control: SharedArrayBuffer;
  readonly index: readonly SharedArrayBuffer[];
  readonly log: readonly SharedArrayBuffer[];
}

/** One thread's view of the shared pool. */
export class Pool {
  readonly geometry: Geometry;
  readonly handle: PoolHandle;
  /** Control words; see control_layout.ts. */
  readonly control: Int32Array;
  /** Agents' counters: the control words as float64. */
  readonly counters: Float64Array;
  /** Index regions as words; see index/bucket_layout.ts. */
  readonly index: readonly Int32Array[];
  /** Log regions as words; see log/record_layout.ts. */
  readonly words: readonly Int32Array[];
  /** Log regions as bytes. */
  readonly bytes: readonly Uint8Array[];
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

  private constructor(handle: PoolHandle) {
    this.handle = handle;
    this.geometry = handle.geometry;
    this.control = new Int32Array(handle.control);
    this.counters = new Float64Array(handle.control);
    this.index = handle.index.map((buffer) => new Int32Array(buffer));
    this.words = handle.log.map((buffer) => new Int32Array(buffer));
    this.bytes = handle.log.map((buffer) => new Uint8Array(buffer));
    this.slots = slotsStart(handle.geometry.segmentCount);
    this.segments = segmentsStart(handle.geometry.segmentCount);
    this.freeBits = freeBitsStart(handle.geometry.segmentCount);
    this.cells = cellsStart(handle.geometry.segmentCount);
    this.segmentShift = handle.geometry.segmentShift;
    assert(this.control[HEADER_MAGIC] === CONTROL_MAGIC, "the handle is of a pool");
    assert(this.control[HEADER_LAYOUT_VERSION] === CONTROL_LAYOUT_VERSION, "same control layout");
  }

  /**
   * Allocates an empty pool. All segments are free.
   *
   * @param geometry its sizes
   * @param hashKey two random 32-bit words
   */
  static create(geometry: Geometry, hashKey: readonly [number, number]): Pool {
    const { segmentCount, segmentBytes, bucketCount } = geometry;
    const control = new SharedArrayBuffer(Math.ceil(controlWords(segmentCount) / 2) * 8);
    const words = new Int32Array(control);
    words[HEADER_MAGIC] = CONTROL_MAGIC;
    words[HEADER_LAYOUT_VERSION] = CONTROL_LAYOUT_VERSION;
    words[HEADER_HASH_KEY_0] = hashKey[0];
    words[HEADER_HASH_KEY_1] = hashKey[1];
    words[INDEX_SPACE_NEXT] = 1;
    words[FREE_SEGMENT_COUNT] = segmentCount;
    const freeBits = freeBitsStart(segmentCount);
    for (let segment = 0; segment < segmentCount; segment++) {
      words[freeBits + (segment >>> 5)] |= 1 << (segment & 31);
    }
    return new Pool({
      geometry,
      control,
      index: allocateRegions(bucketCount * BUCKET_BYTES),
      log: allocateRegions(segmentCount * segmentBytes),
    });
  }

  /** Views a pool that another thread created. */
  static attach(handle: PoolHandle): Pool {
    return new Pool(handle);
  }

  /** The random words that key the hash. */
  get hashKey(): readonly [number, number] {
    return [this.control[HEADER_HASH_KEY_0], this.control[HEADER_HASH_KEY_1]];
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
    return this.words[address >>> REGION_UNITS_LOG2];
  }

  /** The log region that an address is in, as bytes. */
  bytesOf(address: PoolAddress): Uint8Array {
    return this.bytes[address >>> REGION_UNITS_LOG2];
  }

  /** Index of an address's first word in its region. */
  wordAt(address: PoolAddress): number {
    return (address & REGION_UNITS_MASK) << 1;
  }

  /** Address of a segment's first byte. */
  segmentAddress(segment: SegmentId): PoolAddress {
    return ((segment << this.segmentShift) | 0) as PoolAddress;
  }

  /** How often a segment was reused. Pairs with the bump in {@linkcode SegmentTable.free}. */
  loadGeneration(segment: SegmentId): number {
    return Atomics.load(this.control, GENERATIONS + segment);
  }
}

/** Splits a size into SharedArrayBuffers of at most one region. */
function allocateRegions(bytes: number): SharedArrayBuffer[] {
  const regions: SharedArrayBuffer[] = [];
  for (let start = 0; start < bytes; start += REGION_BYTES) {
    regions.push(new SharedArrayBuffer(Math.min(REGION_BYTES, bytes - start)));
  }
  return regions;
}

assert(REGION_BYTES / ADDRESS_UNIT_BYTES === REGION_UNITS_MASK + 1, "a region is a power of two");
