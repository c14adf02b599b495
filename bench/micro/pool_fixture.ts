/**
 * A pool with records in it, made of the real parts of the library but without threads: the parts
 * can be measured one by one.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import {
  packMeta,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../../lib/log/record_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { makeKey, VALUE_BYTES_SMALL } from "../workloads/records.ts";

/**
 * Records in the pool, a power of two; their index does not fit a processor's first-level cache.
 */
export const KEY_COUNT = 1 << 14;

const CAPACITY_BYTES = 64 * 1024 * 1024;
const SEGMENT_BYTES = 1024 * 1024;
const HASH_KEY = [0x01020304, 0x05060708] as const;
const AGENT = 0;

export class PoolFixture {
  readonly pool: Pool = Pool.create(geometryOf(CAPACITY_BYTES, SEGMENT_BYTES), HASH_KEY);
  readonly key: KeyEncoder = new KeyEncoder(...HASH_KEY);
  readonly table: SlotTable = new SlotTable(this.pool, new IndexSpace(this.pool, AGENT));
  readonly keys: readonly string[] = Array.from({ length: KEY_COUNT }, (_, i) => makeKey(i));
  readonly recordWords: number;
  readonly #segments = new SegmentTable(this.pool);
  readonly #writer = new LogWriter(this.pool, this.#segments, AGENT);
  readonly #meta: number;

  constructor() {
    this.key.encode(this.keys[0]);
    this.#meta = packMeta(this.key.byteLength, RecordKind.PUT, 0);
    this.recordWords = recordWords(this.#meta, VALUE_BYTES_SMALL);
    for (const key of this.keys) {
      this.key.encode(key);
      const address = this.append();
      this.#segments.addLive(address, this.recordWords * 4);
      if (!this.table.insert(this.slotAt(), this.key.hash, address)) {
        throw new Error("index is full");
      }
    }
  }

  /** Where the slot of the encoded key is. */
  slotAt(): number {
    return this.pool.slotAt((this.key.hash >>> SLOT_SHIFT) as Slot);
  }

  /**
   * Appends a record of the encoded key. A segment that nothing points into frees itself when full.
   */
  append(): PoolAddress {
    const address = this.#writer.reserve(this.recordWords, 0);
    if (address === NO_ADDRESS) throw new Error("log is full");
    const words = this.pool.wordsOf(address);
    const at = this.pool.wordAt(address);
    words[at + RECORD_VALUE_BYTES] = VALUE_BYTES_SMALL;
    words[at + RECORD_META] = this.#meta;
    words[at + RECORD_HASH] = this.key.hash;
    for (let i = 0; i < this.key.byteLength >>> 2; i++) {
      words[at + RECORD_KEY + i] = this.key.words[i];
    }
    return address;
  }
}
