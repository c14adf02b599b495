/**
 * The client cache: decoded values that a thread keeps to itself, each with the address of the
 * record that it came from, and the generation of that record's segment at that time.
 *
 * Why it is safe. A cached value is returned only if two loads say so, in this order:
 *
 * 1. The address word of a pair with the key's hash yields the cached address A.
 * 2. The generation of A's segment is the cached one, G.
 *
 * - G was loaded once before, when the value was read, and generations only grow. If it is still G
 *   in step 2, it was G in step 1, too.
 * - So at step 1 the index pointed at the record that A held in generation G. A record does not
 *   change after the index points at it (I2), and its segment is not reused as long as it does
 *   (I10); so it is the record that the value was decoded from, and its key is this key.
 * - What the index points at is the newest record of its key: each change replaces the address by
 *   one atomic store (I8), and an acknowledged change has replaced it (I3). So the value was the
 *   key's value at step 1, where the read takes effect, as a read of the record would have at its
 *   second load of the address (one_sided_reader.ts). Operations stay linearizable (I4).
 * - Without step 2 the address could be that of another record of the key, after its segment was
 *   cleaned, freed and written again.
 * - A pair that a doubling or a compaction has left behind still holds A only while the owner has
 *   the slot's lock, and has not changed the key since. A pair that is not found where the reader
 *   looks proves nothing, and the record is read.
 * - An expired record counts as absent, though the index yields it until the owner has removed it:
 *   so the clock is asked on every hit.
 *
 * No cache is told of a change, and nothing is invalidated: what is out of date no longer fits the
 * index. The thread's own writes need nothing either: a read waits until those that are pending for
 * the slot have ended.
 *
 * A value is returned to many callers, so it is deeply frozen, whether it is kept or not, so that a
 * program that changes one fails at once. A value that cannot be frozen (deep_freeze.ts) is decoded
 * for each caller and not kept.
 *
 * @module
 */
import { type Cache, CacheKind } from "../cache/cache.ts";
import { createCache } from "../cache/create_cache.ts";
import type { ValueCodec } from "../codec/codec.ts";
import type { PoolAddress } from "../core/brands.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import { CLIENT_CACHE_RECORD_BYTES } from "../core/limits.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import { deepFreeze } from "./deep_freeze.ts";

/** A decoded record. */
export interface CachedRecord<V> {
  readonly value: V;
  readonly version: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** Figures about a client cache. */
export interface ClientCacheStats {
  /** Reads that found a value that was still current. */
  readonly hits: number;
  /** Reads that had to decode a record, or found none. */
  readonly misses: number;
  /** Values that are cached. */
  readonly entries: number;
  /** What they are charged: the encoded key and value, and 160 bytes each. */
  readonly bytes: number;
  /** What they may be charged: the option `cache`. */
  readonly bytesMax: number;
}

/** Reads by a cache; one per thread. */
export class ClientCache<V> {
  readonly #cache: Cache<CachedRecord<V>>;
  readonly #reader: OneSidedReader;
  readonly #codec: ValueCodec<V>;
  readonly #clock: () => number;
  /** The key of a record that is being decoded; undefined while one is. */
  #decodedKey: KeyEncoder | undefined;
  /** Bytes of values that were decoded, so far. */
  readBytes = 0;
  #hitCount = 0;
  #missCount = 0;

  /** Makes an empty cache; `clock` tells the time in milliseconds since the epoch. */
  constructor(
    reader: OneSidedReader,
    codec: ValueCodec<V>,
    budgetBytes: number,
    clock: () => number,
  ) {
    this.#cache = createCache<CachedRecord<V>>("s3fifo", { budgetBytes });
    this.#reader = reader;
    this.#codec = codec;
    this.#clock = clock;
  }

  /** Reads the record of the encoded key; undefined if there is none. */
  read(key: KeyEncoder): CachedRecord<V> | undefined {
    const cache = this.#cache;
    if (cache.lookup(key) === CacheKind.VALUE) {
      const { address, generation } = cache;
      if (this.#reader.isCurrent(key.hash, address as PoolAddress, generation)) {
        const record = cache.payload!;
        if (record.expiresAtMs === Infinity || record.expiresAtMs > this.#clock()) {
          this.#hitCount += 1;
          return record;
        }
      }
    }
    this.#missCount += 1;
    return this.#readPool(key);
  }

  /** What is in the cache. */
  stats(): ClientCacheStats {
    const { usedBytes, valueCount, budgetBytes } = this.#cache;
    return {
      hits: this.#hitCount,
      misses: this.#missCount,
      entries: valueCount,
      bytes: usedBytes,
      bytesMax: budgetBytes,
    };
  }

  /** Gives all memory back. */
  clear(): void {
    this.#cache.clear();
  }

  #readPool(key: KeyEncoder): CachedRecord<V> | undefined {
    const reader = this.#reader;
    if (!reader.read(key, true)) {
      this.#cache.remove(key);
      return undefined;
    }
    const { valueBytes, version, expiresAtMs, address, generation } = reader;
    this.readBytes += valueBytes;
    // The codec may be the application's, and use the store: then key and reader are about another
    // record afterwards.
    const own = this.#decodedKey ?? new KeyEncoder(0, 0);
    this.#decodedKey = undefined;
    own.copy(key);
    const value = this.#codec.decode(reader.value, valueBytes);
    reader.shrinkScratch();
    const record = { value, version, expiresAtMs };
    // Every part of a value takes a byte at least.
    if (deepFreeze(value, valueBytes + 1)) {
      const bytes = valueBytes + CLIENT_CACHE_RECORD_BYTES;
      this.#cache.admit(own, address, generation, bytes, record, 1);
    } else {
      this.#cache.remove(own);
    }
    this.#decodedKey = own;
    return record;
  }
}
