/**
 * A key that was found in the hash index.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import type { EncodedKey } from "../core/key_encoder.ts";
import type { IndexPlace } from "../index/one_sided_reader.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  metaKeyBytes,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordExpiry,
} from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { KeyBuffer } from "./key_order.ts";

/** The key, and where it was found. */
export class FoundKey extends KeyBuffer implements EncodedKey, IndexPlace {
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
   * Copies the key of a record that a pair leads to. It is whole if the generation is the same
   * afterwards.
   */
  copyRecord(
    pool: Pool,
    hash: number,
    region: Int32Array,
    pairAt: number,
    address: PoolAddress,
    generation: number,
  ): void {
    const words = pool.wordsOf(address);
    const at = pool.wordAt(address);
    const meta = words[at + RECORD_META];
    this.set(words, at + RECORD_KEY, metaKeyBytes(meta));
    this.meta = meta;
    this.valueBytes = words[at + RECORD_VALUE_BYTES];
    this.expiresAtMs = (meta & FLAG_EXPIRES) === 0 ? Infinity : recordExpiry(words, at);
    this.hash = hash;
    this.isBinary = (meta & FLAG_BINARY_KEY) !== 0;
    this.region = region;
    this.pairAt = pairAt;
    this.address = address;
    this.generation = generation;
  }

  /** Takes over another one. */
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
  }

  /** A copy of the key's bytes. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer).slice(0, this.byteLength);
  }
}

/** Of a key that is about to come: no pair leads to it yet. */
export const NO_REGION: Int32Array = new Int32Array(1);
