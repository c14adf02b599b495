/**
 * A small pool with an ordered index, changed as executors change it: entry before pair, pair
 * before entry. Several writers may share it, each with memory of its own, as threads have.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../../lib/core/brands.ts";
import type { Key } from "../../lib/core/key_encoder.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { addOrderedIndex, type OrderedIndexOptions } from "../../lib/ordered/ordered_index.ts";
import { OrderedWriter } from "../../lib/ordered/ordered_writer.ts";
import type { KeyBounds } from "../../lib/ordered/key_bounds.ts";
import type { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { Pool } from "../../lib/pool/pool.ts";
import {
  FLAG_BINARY_KEY,
  metaKeyBytes,
  packMeta,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RecordKind,
} from "../../lib/log/record_layout.ts";
import { type FixtureSizes, PoolFixture } from "./pool_fixture.ts";

const NO_VALUE = new Uint8Array(0);

/** A pool that is ordered, and the records in it. */
export class OrderedFixture extends PoolFixture {
  /** Makes an empty pool. */
  static make(sizes: FixtureSizes, options: OrderedIndexOptions = {}): OrderedFixture {
    const fixture = new OrderedFixture(sizes);
    addOrderedIndex(fixture.pool, options);
    return fixture;
  }

  /** Appends the record of a key, which is not in the index then. */
  record(key: Key, hash?: number): PoolAddress {
    const address = this.append(key, NO_VALUE, hash);
    if (address === NO_ADDRESS) throw new Error("the fixture's log is too small");
    this.segments.addLive(address, this.recordBytes(address));
    return address;
  }

  /** The record of the empty key, which no caller can use: it is the store's own. */
  systemRecord(): PoolAddress {
    const record = this.record("?");
    const words = this.pool.wordsOf(record);
    const at = this.pool.wordAt(record);
    words[at + RECORD_META] = packMeta(0, RecordKind.PUT, FLAG_BINARY_KEY);
    words[at + RECORD_HASH] = this.keys.encodeSystemKey();
    words[at + RECORD_KEY] = 0;
    return record;
  }

  /** A writer that has seen nothing yet. */
  writer(agent: number): OrderedAgent {
    return new OrderedAgent(Pool.attach(this.pool.handle), agent);
  }
}

/**
 * One that changes the pool. The caller sees to it that two do not change keys of one slot at one
 * time.
 */
export class OrderedAgent {
  readonly pool: Pool;
  readonly ordered: OrderedWriter;
  readonly table: SlotTable;

  /** Changes a pool in the name of an agent. */
  constructor(pool: Pool, agent: number) {
    this.pool = pool;
    this.ordered = new OrderedWriter(pool, agent);
    this.table = new SlotTable(pool, new IndexSpace(pool, agent));
  }

  /** Puts the key of a record that is not there; false if there is no room. */
  insert(record: PoolAddress): boolean {
    if (!this.ordered.insert(record)) return false;
    if (this.insertPair(record)) return true;
    this.ordered.remove(record);
    return false;
  }

  /** Adds the pair of a record to the hash index; false if there is no room. */
  insertPair(record: PoolAddress): boolean {
    const { slotAt, hash } = this.#placeOf(record);
    return this.table.insert(slotAt, hash, record);
  }

  /** Removes the key of a record that is there. */
  remove(record: PoolAddress): void {
    this.removePair(record);
    this.ordered.remove(record);
  }

  /** Removes the pair of a record from the hash index. */
  removePair(record: PoolAddress): void {
    const { slotAt, hash } = this.#placeOf(record);
    if (!this.table.findAddress(slotAt, hash, record)) throw new Error("no such key");
    this.table.remove(slotAt);
  }

  #placeOf(record: PoolAddress): { readonly slotAt: number; readonly hash: number } {
    const hash = this.pool.wordsOf(record)[this.pool.wordAt(record) + RECORD_HASH]!;
    return { slotAt: this.pool.slotAt((hash >>> 20) as never), hash };
  }
}

/**
 * Keys of a range, as latin-1 text, one character for each byte.
 *
 * @param wanted how many the cursor expects to be asked for, which it may be wrong about
 */
export function scan(
  cursor: RangeCursor,
  bounds: KeyBounds,
  isReverse = false,
  wanted = Infinity,
): string[] {
  const keys: string[] = [];
  cursor.seek(bounds, isReverse, wanted);
  while (cursor.next()) keys.push(textOfBytes(cursor.key.bytes));
  return keys;
}

/** Bytes as text, one character for each. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The key of a record, as text. */
export function keyOfRecord(pool: Pool, record: PoolAddress): string {
  const at = pool.wordAt(record);
  const length = metaKeyBytes(pool.wordsOf(record)[at + RECORD_META]!);
  const from = (at + RECORD_KEY) * 4;
  return textOfBytes(pool.bytesOf(record).slice(from, from + length));
}
