/**
 * What one thread reads of a near pool: the record of an encoded key, from the cache if there is
 * one, decoded and counted.
 *
 * @module
 */
import type { CachedRecord, ClientCache } from "../../client/client_cache.ts";
import type { GarbageMeter } from "../../client/garbage_meter.ts";
import type { ValueDecoder } from "../../codec/codec.ts";
import { DecodeError } from "../../core/errors.ts";
import { type Key, KeyEncoder } from "../../core/key_encoder.ts";
import { type FoundKey, NO_VALUES } from "../../ordered/found_key.ts";
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import { passOver } from "../arguments/arguments.ts";
import type { Found } from "./consistent_reads.ts";
import { type Entry, entryOf } from "../arguments/entry.ts";
import type { KeyWalk } from "./key_walk.ts";
import type { ReadOptions } from "../arguments/method_options.ts";
import type { ReadParts } from "../parts/store_parts.ts";

/** Longer values are decoded when they are wanted: they may be many, and not be wanted. */
const AHEAD_BYTES_MAX = 1024;

/** Reads the key that the encoder of a store's parts holds. */
export class NearValues<V> {
  #reader: OneSidedReader;
  #codec: ValueDecoder<V>;
  #cache: ClientCache<V> | undefined;
  #garbage: GarbageMeter;
  #counters: OperationCounters;
  readonly #key: KeyEncoder;

  /** Reads with a store's parts. */
  constructor(parts: ReadParts<V>, reader: OneSidedReader) {
    this.#reader = reader;
    this.#codec = parts.codec;
    this.#cache = parts.cache;
    this.#garbage = parts.garbage;
    this.#counters = parts.counters;
    this.#key = parts.key;
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    const gone = undefined as never;
    this.#reader =
      this.#codec =
      this.#garbage =
      this.#counters =
        gone;
    this.#cache = gone;
  }

  /** Reads the encoded key; `key` is the one that an error names. */
  read(key: Key): V | undefined {
    if (this.#cache !== undefined) return this.#readCached(this.#cache, key)?.value;
    return this.#readCounted() ? this.#decode(key) : undefined;
  }

  /** Reads the encoded key from the pool. */
  #readCounted(): boolean {
    const isThere = this.#reader.read(this.#key, true);
    this.#counters.read(isThere, this.#reader.valueBytes);
    return isThere;
  }

  /** Whether the encoded key exists. */
  exists(): boolean {
    const isThere = this.#reader.read(this.#key, false);
    this.#counters.read(isThere, 0);
    return isThere;
  }

  /** The same of a key that a walk has just come to. */
  existsAt({ place }: KeyWalk): boolean {
    if (place === undefined) return this.exists();
    const reader = this.#reader;
    const isThere = reader.readFound(this.#key, place, false) ??
      reader.read(this.#key, false);
    this.#counters.read(isThere, 0);
    return isThere;
  }

  /** Reads a key that a walk has just come to; undefined also if that fails, and is passed over. */
  readAtOrPassOver(
    key: Key,
    { place }: KeyWalk,
    options: ReadOptions | undefined,
  ): V | undefined {
    if (place === undefined || this.#cache !== undefined) return this.readOrPassOver(key, options);
    const reader = this.#reader;
    const isThere = reader.readFound(this.#key, place, true) ??
      reader.read(this.#key, true);
    this.#counters.read(isThere, reader.valueBytes);
    if (!isThere) return undefined;
    try {
      return this.#decode(key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  /** Up to how many bytes values are worth being copied when their keys are found. */
  get aheadBytesMax(): number {
    return this.#cache === undefined ? AHEAD_BYTES_MAX : NO_VALUES;
  }

  /**
   * Decodes the value of a key that was found ahead; undefined if that is left to
   * {@linkcode readAtOrPassOver}, which says why it fails.
   */
  decodeAhead(found: FoundKey): V | undefined {
    if (!found.hasValue) return undefined;
    const { valueBytes } = found;
    try {
      const value = this.#codec.decode(found.value, valueBytes);
      this.#garbage.count(valueBytes);
      return value;
    } catch {
      return undefined;
    }
  }

  /** Reads a key, of which so many bytes have been decoded: whether it holds what was found. */
  readAhead(found: FoundKey, bytes: number): boolean {
    if (!this.#reader.holdsFound(found, found)) return false;
    this.#counters.read(true, bytes);
    return true;
  }

  /** Reads the encoded key; undefined also if the value cannot be decoded, and that is wanted. */
  readOrPassOver(key: Key, options: ReadOptions | undefined): V | undefined {
    try {
      return this.read(key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  /** The same with version and expiry. */
  sharedOrPassOver(key: Key, options: ReadOptions | undefined): Entry<V> | undefined {
    try {
      return this.readShared(key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  /** Decodes what was found at one moment; undefined also if that fails, and is passed over. */
  decodeFound<Result>(
    found: Found,
    key: Key,
    options: ReadOptions | undefined,
    take: (found: Entry<V>) => Result,
  ): Result | undefined {
    this.#counters.read(found !== undefined, found?.bytes.length ?? 0);
    if (found === undefined) return undefined;
    const { bytes, version, expiresAtMs } = found;
    try {
      const value = this.#codec.decode(bytes, bytes.length);
      this.#garbage.count(bytes.length);
      return take(entryOf(value, version, expiresAtMs));
    } catch (error) {
      return passOver(DecodeError.at(key, error), options);
    }
  }

  /** Reads the encoded key with version and expiry; the value may be one from the cache. */
  readShared(key: Key): Entry<V> | undefined {
    if (this.#cache === undefined) return this.#readCounted() ? this.entryOf(key) : undefined;
    const record = this.#readCached(this.#cache, key);
    return record && entryOf(record.value, record.version, record.expiresAtMs);
  }

  #readCached(cache: ClientCache<V>, key: Key): CachedRecord<V> | undefined {
    const bytesBefore = cache.readBytes;
    let isThere = true;
    try {
      const record = cache.read(this.#key);
      isThere = record !== undefined;
      return record;
    } catch (error) {
      throw DecodeError.at(key, error);
    } finally {
      this.#counters.read(isThere, cache.readBytes - bytesBefore);
    }
  }

  /** What has been read of a key, with version and expiry time. */
  entryOf(key: Key | KeyEncoder): Entry<V> {
    const { version, expiresAtMs } = this.#reader;
    return entryOf(this.#decode(key), version, expiresAtMs);
  }

  /** A key as the application writes it, of one that may have been encoded. */
  #plainKey(key: Key | KeyEncoder): Key {
    return key instanceof KeyEncoder ? this.#key.keyOf(key) : key;
  }

  /** Decodes what has been read of a key. */
  #decode(key: Key | KeyEncoder): V {
    const reader = this.#reader;
    try {
      const value = this.#codec.decode(reader.value, reader.valueBytes);
      this.#garbage.count(reader.valueBytes);
      return value;
    } catch (error) {
      throw DecodeError.at(this.#plainKey(key), error);
    } finally {
      reader.shrinkScratch();
    }
  }
}
