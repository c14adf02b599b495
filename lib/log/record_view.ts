/**
 * A record as its readers see it: where its value is, and what else the log says of it.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import type { Pool } from "../pool/pool.ts";
import {
  metaKind,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  RecordKind,
  recordVersion,
  recordWords,
  valueWord,
} from "./record_layout.ts";

/** A value that was found: words from an index, and what belongs to it. */
export interface FoundValue {
  readonly words: Int32Array;
  readonly valueAt: number;
  readonly valueBytes: number;
  readonly version: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/**
 * What a record in the pool says that no writer can overwrite meanwhile, such as one that this KN
 * has just logged.
 */
export class RecordView implements FoundValue {
  words: Int32Array = new Int32Array(0);
  valueAt = 0;
  valueBytes = 0;
  version = 0;
  expiresAtMs = Infinity;
  recordBytes = 0;
  /** Whether the record is a put. */
  isPut = false;
  readonly #pool: Pool;

  /** A view of records of a pool. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Describes the record at an address. */
  show(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    this.words = words;
    this.valueAt = at + valueWord(meta);
    this.valueBytes = words[at + RECORD_VALUE_BYTES];
    this.version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
    this.expiresAtMs = recordExpiry(words, at);
    this.recordBytes = recordWords(meta, this.valueBytes) * 4;
    this.isPut = metaKind(meta) === RecordKind.PUT;
  }
}
