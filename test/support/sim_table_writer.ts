/**
 * A writer of a few slots' tables without anything around it: no rings, no clients, one record
 * after the other. In little time tables double many times, and overflow buckets go from one table
 * to another.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import {
  packMeta,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordWords,
  valueWord,
} from "../../lib/log/record_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import type { Random } from "./random.ts";
import { HASH_KEY } from "./sim_keys.ts";
import { type KeyModel, type OperationKind, require, type SimOperation } from "./sim_model.ts";
import { makeValue, VALUE_BYTES_MIN } from "./sim_values.ts";

/** Shares of the operations on keys that exist; the rest puts keys that do not. */
const OVERWRITE_SHARE = 0.1;
const REMOVE_SHARE = 0.15;
const TIME_MS = 0;

/** The writer. */
export class TableWriter {
  readonly #pool: Pool;
  readonly #random: Random;
  readonly #models: readonly KeyModel[];
  readonly #table: SlotTable;
  readonly #segments: SegmentTable;
  readonly #log: LogWriter;
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  #operationCount = 0;

  /** Writes the keys of `models` into a pool that is large enough for all operations. */
  constructor(pool: Pool, random: Random, models: readonly KeyModel[]) {
    this.#pool = pool;
    this.#random = random;
    this.#models = models;
    this.#table = new SlotTable(pool, new IndexSpace(pool, 0));
    this.#segments = new SegmentTable(pool);
    this.#log = new LogWriter(pool, this.#segments, 0);
  }

  /** Puts, overwrites or removes one key. */
  step(): void {
    const choice = this.#random.next();
    const mustExist = choice < OVERWRITE_SHARE + REMOVE_SHARE;
    const candidates = this.#models.filter((model) => (model.state !== undefined) === mustExist);
    if (candidates.length === 0) return;
    const model = this.#random.pick(candidates);
    if (mustExist && choice < REMOVE_SHARE) this.#remove(model);
    else this.#put(model);
  }

  #put(model: KeyModel): void {
    const operation = this.#begin(model, "put");
    const hash = this.#encoder.encode(model.key.text);
    const slotAt = this.#pool.slotAt(model.key.slot);
    const bytes = makeValue(model.key.number, operation.number, VALUE_BYTES_MIN);
    const meta = packMeta(this.#encoder.byteLength, RecordKind.PUT, 0);
    const length = recordWords(meta, bytes.length);
    const address = this.#log.reserve(length, 0);
    require(address !== NO_ADDRESS, "the log has room for all operations");
    // What is replaced keeps counting as live: no segment is to be reused here.
    this.#segments.addLive(address, length * 4);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    words[at + RECORD_VALUE_BYTES] = bytes.length;
    words[at + RECORD_META] = meta;
    words[at + RECORD_HASH] = hash;
    words[at + RECORD_VERSION_LOW] = operation.number;
    words.set(this.#encoder.words.subarray(0, valueWord(meta) - RECORD_KEY), at + RECORD_KEY);
    words.set(new Int32Array(bytes.buffer), at + valueWord(meta));
    const old = this.#find(model);
    if (old !== NO_ADDRESS) this.#table.swing(old, address);
    else require(this.#table.insert(slotAt, hash, address), "the index has room for all keys");
    this.#end(model, operation);
  }

  #remove(model: KeyModel): void {
    const operation = this.#begin(model, "delete");
    require(this.#find(model) !== NO_ADDRESS, `I4: the writer finds ${model.key.text}`);
    this.#table.remove(this.#pool.slotAt(model.key.slot));
    this.#end(model, operation);
  }

  #find(model: KeyModel): PoolAddress {
    const hash = this.#encoder.encode(model.key.text);
    const { words, byteLength } = this.#encoder;
    const slotAt = this.#pool.slotAt(model.key.slot);
    return this.#table.find(slotAt, hash, words, 0, byteLength);
  }

  #begin(model: KeyModel, kind: OperationKind): SimOperation {
    const number = ++this.#operationCount;
    const operation: SimOperation = {
      kind,
      number,
      expiresAtMs: Infinity,
      expectedVersion: 0,
      issuedAtMs: TIME_MS,
      status: undefined,
    };
    model.operations.push(operation);
    return operation;
  }

  #end(model: KeyModel, operation: SimOperation): void {
    operation.status = Status.OK;
    model.end(operation, Status.OK, operation.number, TIME_MS);
  }
}
