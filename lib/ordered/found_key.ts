/**
 * A key that was found in the hash index.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import type { HeldKey } from "../core/key_encoder.ts";
import { scratchBytes } from "../core/scratch_bytes.ts";
import type { IndexPlace } from "../index/one_sided_reader.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  metaKeyBytes,
  metaKind,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordExpiry,
  RecordKind,
  valueWord,
} from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { KeyBuffer, wordsOfBytes } from "./key_order.ts";

/** Of values: none is copied. */
export const NO_VALUES = -1;

/** The key, where it was found, and perhaps its value. */
export class FoundKey extends KeyBuffer implements HeldKey, IndexPlace {
  hash = 0;
  isBinary = false;
  region: Int32Array = NO_REGION;
  pairAt = 0;
  address: PoolAddress = NO_ADDRESS;
  generation = 0;
  meta = 0;
  valueBytes = 0;
  expiresAtMs = Infinity;
  /**
   * Whether the record's value was copied, too: its bytes are the first ones of {@linkcode value}.
   */
  hasValue = false;
  value: Buffer = NO_BYTES;
  #valueWords: Int32Array = NO_WORDS;
  #buffer: Buffer = NO_BYTES;
  /** What that is a view of. */
  #bufferWords: Int32Array = NO_WORDS;

  /** The key's bytes, and others behind them; valid until the key is another one. */
  get buffer(): Buffer {
    if (this.words !== this.#bufferWords) {
      this.#bufferWords = this.words;
      this.#buffer = Buffer.from(this.words.buffer as ArrayBuffer);
    }
    return this.#buffer;
  }

  /**
   * Copies the key of a record that a pair leads to, and its value unless that is longer than so
   * many bytes, or no put. They are whole if the generation is the same afterwards.
   */
  copyRecord(
    pool: Pool,
    hash: number,
    region: Int32Array,
    pairAt: number,
    address: PoolAddress,
    generation: number,
    valueBytesMax: number,
  ): void {
    const words = pool.wordsOf(address);
    const at = pool.wordAt(address);
    const meta = words[at + RECORD_META];
    this.set(words, at + RECORD_KEY, metaKeyBytes(meta));
    this.meta = meta;
    const valueBytes = this.valueBytes = words[at + RECORD_VALUE_BYTES];
    // What is torn may be negative.
    this.hasValue = valueBytes >>> 0 <= valueBytesMax && metaKind(meta) === RecordKind.PUT;
    if (this.hasValue) this.#copyValue(words, at + valueWord(meta), wordsOfBytes(valueBytes));
    this.expiresAtMs = (meta & FLAG_EXPIRES) === 0 ? Infinity : recordExpiry(words, at);
    this.hash = hash;
    this.isBinary = (meta & FLAG_BINARY_KEY) !== 0;
    this.region = region;
    this.pairAt = pairAt;
    this.address = address;
    this.generation = generation;
  }

  /** Takes over another one, without its value. */
  take(other: FoundKey): void {
    this.copy(other);
    this.hash = other.hash;
    this.isBinary = other.isBinary;
    this.region = other.region;
    this.pairAt = other.pairAt;
    this.address = other.address;
    this.generation = other.generation;
    this.meta = other.meta;
    this.valueBytes = other.valueBytes;
    this.expiresAtMs = other.expiresAtMs;
    this.hasValue = false;
  }

  #copyValue(words: Int32Array, from: number, count: number): void {
    if (count > this.#valueWords.length) {
      this.#valueWords = new Int32Array(Math.max(VALUE_WORDS_FIRST, 2 * count));
      this.value = scratchBytes(this.#valueWords.buffer as ArrayBuffer);
    }
    copyWords(words, from, this.#valueWords, 0, count);
  }

  /** A copy of the key's bytes. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer).slice(0, this.byteLength);
  }
}

const VALUE_WORDS_FIRST = 32;
const NO_BYTES = Buffer.alloc(0);
const NO_WORDS = new Int32Array(0);
/** Of a key that is about to come: no pair leads to it yet. */
export const NO_REGION: Int32Array = new Int32Array(1);
