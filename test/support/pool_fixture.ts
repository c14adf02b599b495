/**
 * A small pool in this thread, with one writer: puts, gets and deletes without rings, KNs or locks,
 * and with hashes that the test may choose, so that keys collide as it likes.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../../lib/core/brands.ts";
import { type Key, KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import type { SlotTable } from "../../lib/index/slot_table.ts";
import type { LogSink } from "../../lib/log/log_sink.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  metaWithVersionHigh,
  packMeta,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
  writeExpiry,
} from "../../lib/log/record_layout.ts";
import { SLOT_EXPIRING_COUNT, SLOT_VERSION_LOW } from "../../lib/pool/control_layout.ts";
import { type Geometry, geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";

/** Sizes of a fixture. */
export interface FixtureSizes {
  /** @default 64 */
  readonly segmentCount?: number;
  /** @default 4096 */
  readonly segmentBytes?: number;
  /** Index buckets, the unused bucket 0 included. @default what a pool of that size has */
  readonly bucketCount?: number;
  /** Bytes by which index and log grow at least. @default as in a store */
  readonly growthBytes?: number;
}

/** What a read found. */
export interface Found {
  readonly value: Uint8Array;
  readonly version: number;
  readonly expiresAtMs: number;
}

/** Agent block of the fixture's writer. */
const AGENT = 0;

/** A pool and one writer. */
export class PoolFixture {
  readonly pool: Pool;
  readonly segments: SegmentTable;
  readonly space: IndexSpace;
  readonly table: SlotTable;
  readonly log: LogWriter;
  readonly reader: OneSidedReader;
  readonly keys: KeyEncoder;
  /** What the reader takes for the time. */
  nowMs = 1000;
  #version = 0;

  /** Makes an empty pool, or works on one that exists. */
  constructor(
    sizes: FixtureSizes = {},
    pool: Pool = createPool(sizes),
    file: LogSink | undefined = undefined,
  ) {
    this.pool = pool;
    this.segments = new SegmentTable(this.pool);
    this.space = new IndexSpace(this.pool, AGENT);
    this.table = liveTable(this.pool, this.space);
    this.log = new LogWriter(this.pool, this.segments, AGENT, { file });
    this.reader = new OneSidedReader(this.pool, () => this.nowMs);
    this.keys = new KeyEncoder(...this.pool.hashKey);
  }

  /** A writer of an existing pool, which logs to a file if there is one. */
  static over(pool: Pool, file?: LogSink): PoolFixture {
    return new PoolFixture({}, pool, file);
  }

  /** Index of the descriptor of the slot that a hash belongs to. */
  slotAt(hash: number): number {
    return this.pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
  }

  /** Encodes a key; `hash` replaces its real hash. */
  encode(key: Key, hash?: number): KeyEncoder {
    this.keys.encode(key);
    if (hash !== undefined) this.keys.hash = hash | 0;
    return this.keys;
  }

  /** Appends a record of a key; `NO_ADDRESS` when the log is full. */
  append(key: Key, value: Uint8Array, hash?: number, expiresAtMs = Infinity): PoolAddress {
    const keys = this.encode(key, hash);
    const flags = (keys.isBinary ? FLAG_BINARY_KEY : 0) |
      (expiresAtMs === Infinity ? 0 : FLAG_EXPIRES);
    const meta = packMeta(keys.byteLength, RecordKind.PUT, flags);
    const length = recordWords(meta, value.length);
    const address = this.log.reserve(length, 0);
    if (address === NO_ADDRESS) return address;
    const words = this.pool.wordsOf(address);
    const at = this.pool.wordAt(address);
    words.fill(0, at, at + length);
    this.#version += 1;
    const slotVersionAt = this.slotAt(keys.hash) + SLOT_VERSION_LOW;
    this.pool.control[slotVersionAt] = Math.max(this.pool.control[slotVersionAt]!, this.#version);
    words[at + RECORD_VALUE_BYTES] = value.length;
    words[at + RECORD_META] = metaWithVersionHigh(meta, 0);
    words[at + RECORD_HASH] = keys.hash;
    words[at + RECORD_VERSION_LOW] = this.#version;
    words.set(keys.words.subarray(0, (keys.byteLength + 3) >>> 2), at + RECORD_KEY);
    if (expiresAtMs !== Infinity) writeExpiry(words, at + valueWord(meta) - 2, expiresAtMs);
    this.pool.bytesOf(address).set(value, (at + valueWord(meta)) * 4);
    this.log.publish();
    return address;
  }

  /** Bytes of a record. */
  recordBytes(address: PoolAddress): number {
    const words = this.pool.wordsOf(address);
    const at = this.pool.wordAt(address);
    return recordWords(words[at + RECORD_META]!, words[at + RECORD_VALUE_BYTES]!) * 4;
  }

  /** Address of a key's record in the index, or `NO_ADDRESS`. */
  find(key: Key, hash?: number): PoolAddress {
    const keys = this.encode(key, hash);
    const { words, byteLength } = keys;
    return this.table.find(this.slotAt(keys.hash), keys.hash, words, 0, byteLength);
  }

  /** Stores a value; false when log or index are full. */
  put(key: Key, value: Uint8Array, hash?: number, expiresAtMs = Infinity): boolean {
    const address = this.append(key, value, hash, expiresAtMs);
    if (address === NO_ADDRESS) return false;
    const old = this.find(key, hash);
    this.segments.addLive(address, this.recordBytes(address));
    const slotAt = this.slotAt(this.keys.hash);
    if (old === NO_ADDRESS) {
      if (!this.table.insert(slotAt, this.keys.hash, address)) {
        this.segments.subtractLive(address, this.recordBytes(address));
        return false;
      }
    } else {
      this.#forgetExpiry(slotAt, old);
      this.table.swing(old, address);
      this.segments.subtractLive(old, this.recordBytes(old));
    }
    if (expiresAtMs !== Infinity) this.pool.control[slotAt + SLOT_EXPIRING_COUNT]! += 1;
    return true;
  }

  /** Removes a key; false when it does not exist. */
  delete(key: Key, hash?: number): boolean {
    const address = this.find(key, hash);
    if (address === NO_ADDRESS) return false;
    const slotAt = this.slotAt(this.keys.hash);
    this.#forgetExpiry(slotAt, address);
    this.table.remove(slotAt);
    this.segments.subtractLive(address, this.recordBytes(address));
    return true;
  }

  /** Reads a key one-sidedly. */
  get(key: Key, hash?: number): Found | undefined {
    if (!this.reader.read(this.encode(key, hash), true)) return undefined;
    const { value, valueBytes, version, expiresAtMs } = this.reader;
    return { value: Uint8Array.from(value.subarray(0, valueBytes)), version, expiresAtMs };
  }

  #forgetExpiry(slotAt: number, old: PoolAddress): void {
    const meta = this.pool.wordsOf(old)[this.pool.wordAt(old) + RECORD_META]!;
    if ((meta & FLAG_EXPIRES) !== 0) this.pool.control[slotAt + SLOT_EXPIRING_COUNT]! -= 1;
  }

  /** Number of segments in a state. */
  countSegments(state: number): number {
    let count = 0;
    for (let segment = 0; segment < this.pool.geometry.segmentCount; segment++) {
      if (this.segments.state(segment as SegmentId) === state) count += 1;
    }
    return count;
  }
}

function createPool(sizes: FixtureSizes): Pool {
  const { segmentCount = 64, segmentBytes = 4096, bucketCount, growthBytes = 1 << 16 } = sizes;
  const geometry: Geometry = {
    ...geometryOf(segmentCount * segmentBytes, segmentBytes),
    ...(bucketCount === undefined ? {} : { bucketCount }),
  };
  return Pool.create(geometry, [0x1234, 0x5678], growthBytes);
}

/** The slot's hash bits, and any lower bits. */
export function hashIn(slot: number, lowBits: number): number {
  return ((slot << SLOT_SHIFT) | (lowBits & ((1 << SLOT_SHIFT) - 1))) | 0;
}

/** A value that tells which it is, of a given length. */
export function valueOf(tag: number, length = 16): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(length).fill(tag & 0xff);
  if (length >= 4) new DataView(value.buffer).setInt32(0, tag, true);
  return value;
}
