/**
 * Reads in the near placement: this thread reads the pool itself.
 *
 * A read sees what its own thread has issued before: it waits for the requests of the key's slot
 * that are in flight, and for updates of the key that are in progress.
 *
 * @module
 */
import type { Client } from "../client/client.ts";
import type { CachedRecord, ClientCache } from "../client/client_cache.ts";
import type { GarbageMeter } from "../client/garbage_meter.ts";
import { InstantTurn, type KeyQueues } from "../client/key_queues.ts";
import type { ValueCodec } from "../codec/codec.ts";
import type { Slot } from "../core/brands.ts";
import { DecodeError } from "../core/errors.ts";
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import {
  assertReadOptions,
  iterable,
  type IterationOptions,
  keyOf,
  ownKey,
  passOver,
  plainKey,
  type ReadOptions,
} from "./arguments.ts";
import { type Entry, entryOf } from "./entry.ts";
import type { IndexedKeys } from "./indexed_keys.ts";
import type { StoreLifetime } from "./lifetime.ts";
import { LoopTurn } from "./loop_turn.ts";
import type { StoreReads } from "./reads.ts";
import type { OperationParts } from "./store_parts.ts";
import type { PendingRead } from "./update_turn.ts";

/** Reads of the pool by one thread. */
export class NearReads<V> implements StoreReads<V> {
  #client: Client;
  #reader: OneSidedReader;
  #codec: ValueCodec<V>;
  #cache: ClientCache<V> | undefined;
  #garbage: GarbageMeter;
  #queues: KeyQueues;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #indexed: IndexedKeys;

  /** Reads with a store's parts. */
  constructor(parts: OperationParts<V>) {
    this.#client = parts.client;
    this.#reader = parts.reader;
    this.#codec = parts.codec;
    this.#cache = parts.cache;
    this.#garbage = parts.garbage;
    this.#queues = parts.queues;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#indexed = parts.indexedKeys;
  }

  get(key: Key): Promise<V | undefined> {
    try {
      this.#lifetime.assertOpen();
      const hash = this.#key.encode(key);
      if (this.#mustWait((hash >>> SLOT_SHIFT) as Slot)) {
        return this.#whenSettled(key, (own) => this.#read(own));
      }
      return Promise.resolve(this.#read(key));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  getSync(key: Key): V | undefined {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#read(key);
  }

  async getMany(keys: Iterable<Key>, options?: ReadOptions): Promise<(V | undefined)[]> {
    this.#lifetime.assertOpen();
    assertReadOptions(options);
    const list = Array.from(iterable<Key>("keys", keys), ownKey);
    const client = this.#client;
    const operation = client.begin();
    try {
      const turn = new LoopTurn();
      const values: (V | undefined)[] = [];
      for (const key of list) await this.#whenReadable(key);
      for (const key of list) {
        if (turn.isOver(values.length)) await turn.end();
        this.#lifetime.assertNotFailed();
        this.#key.encode(key);
        values.push(this.#readOrPassOver(key, options));
      }
      return values;
    } finally {
      client.end(operation);
    }
  }

  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readWhenSettled(key, (own) => this.#readShared(own));
  }

  getEntrySync(key: Key): Entry<V> | undefined {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#readShared(key);
  }

  has(key: Key): Promise<boolean> {
    return this.#readWhenSettled(key, () => this.#reader.read(this.#key, false));
  }

  hasSync(key: Key): boolean {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#reader.read(this.#key, false);
  }

  async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    for await (const stored of this.#indexed.scan(options)) {
      const key = keyOf(stored);
      this.#lifetime.assertOpen();
      this.#encodeSettled(key);
      const value = this.#readInScan(key, options);
      if (value !== undefined) yield [key, value];
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const stored of this.#indexed.scan(options)) {
      if (this.hasSync(stored.bytes)) yield keyOf(stored);
    }
  }

  count(): number {
    return this.#indexed.count();
  }

  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V> {
    const client = this.#client;
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    const read = {
      isSettled: !client.isSlotPending(slot),
      block: () => {
        client.settleSlot(slot);
        read.isSettled = true;
      },
      take: () => {
        this.#lifetime.assertNotFailed();
        return this.#readEntry(key, key);
      },
    };
    if (!read.isSettled) {
      void client.whenSlotSettled(slot).then(() => {
        read.isSettled = true;
        wake();
      });
    }
    return read;
  }

  letGo(): void {
    const gone = undefined as never;
    this.#client =
      this.#reader =
      this.#codec =
      this.#garbage =
      this.#queues =
        gone;
    this.#cache = gone;
  }

  /** A scan says nothing about what will be read again: in a cache it keeps no key from going. */
  #readInScan(key: Key, options: IterationOptions | undefined): V | undefined {
    this.#reader.raisesCounts = false;
    try {
      return this.#readOrPassOver(key, options);
    } finally {
      this.#reader.raisesCounts = true;
    }
  }

  /** Encodes a key, and blocks until this thread's own operations on its slot have ended. */
  #encodeSettled(key: Key): void {
    if (this.#queues.count !== 0) this.#settleQueue(key);
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#client.isSlotPending(slot)) this.#client.settleSlot(slot);
  }

  /** Executes what has been issued for a key before and waits for its turn. */
  #settleQueue(key: Key): void {
    this.#key.encode(key);
    this.#queues.settle(this.#key, false);
  }

  /** Whether a read of the encoded key may have to wait for operations of this thread. */
  #mustWait(slot: Slot): boolean {
    return this.#client.isSlotPending(slot) ||
      (this.#queues.count !== 0 && this.#queues.find(this.#key) !== undefined);
  }

  /** Resolves when all that was issued before for a key can be seen. */
  async #whenReadable(key: Key): Promise<void> {
    this.#lifetime.assertNotFailed();
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#queues.count !== 0) await this.#whenTurnComes();
    if (this.#client.isSlotPending(slot)) await this.#client.whenSlotSettled(slot);
  }

  /** Resolves when the operations that wait have been issued for the encoded key. */
  #whenTurnComes(): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = ({ sequence }: InstantTurn) => {
        this.#client.end(sequence);
        resolve();
      };
      if (this.#queues.count === 0 || this.#queues.find(this.#key) === undefined) resolve();
      else this.#queues.add(this.#key, new InstantTurn(0, run, reject));
    });
  }

  /** Reads a key that was found to be pending, when it is no longer. */
  async #whenSettled<Result>(key: Key, read: (key: Key) => Result): Promise<Result> {
    const own = ownKey(key);
    // Until it has ended `flush` and `close` wait for it, as for the operations that it waits for.
    const client = this.#client;
    const operation = client.begin();
    try {
      await this.#whenReadable(own);
      this.#lifetime.assertNotFailed();
      this.#key.encode(own);
      return read(own);
    } finally {
      client.end(operation);
    }
  }

  /** Reads a key, at once if nothing is pending. */
  #readWhenSettled<Result>(key: Key, read: (key: Key) => Result): Promise<Result> {
    try {
      this.#lifetime.assertOpen();
      const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
      return this.#mustWait(slot) ? this.#whenSettled(key, read) : Promise.resolve(read(key));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Reads the encoded key; `key` is the one that an error names. */
  #read(key: Key): V | undefined {
    if (this.#cache !== undefined) return this.#readCached(this.#cache, key)?.value;
    return this.#reader.read(this.#key, true) ? this.#decode(key) : undefined;
  }

  /** Reads the encoded key; undefined also if the value cannot be decoded, and that is wanted. */
  #readOrPassOver(key: Key, options: ReadOptions | undefined): V | undefined {
    try {
      return this.#read(key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  /** Reads the encoded key with version and expiry; the value may be one from the cache. */
  #readShared(key: Key): Entry<V> | undefined {
    if (this.#cache === undefined) return this.#readEntry(this.#key, key);
    const record = this.#readCached(this.#cache, key);
    return record && entryOf(record.value, record.version, record.expiresAtMs);
  }

  #readCached(cache: ClientCache<V>, key: Key): CachedRecord<V> | undefined {
    try {
      return cache.read(this.#key);
    } catch (error) {
      throw DecodeError.at(key, error);
    }
  }

  /** Reads an encoded key from the pool, with version and expiry time. */
  #readEntry(encoded: KeyEncoder, key: Key | KeyEncoder): Entry<V> | undefined {
    if (!this.#reader.read(encoded, true)) return undefined;
    const { version, expiresAtMs } = this.#reader;
    return entryOf(this.#decode(key), version, expiresAtMs);
  }

  /** Decodes what has been read of a key. */
  #decode(key: Key | KeyEncoder): V {
    const reader = this.#reader;
    try {
      const value = this.#codec.decode(reader.value, reader.valueBytes);
      this.#garbage.count(reader.valueBytes);
      return value;
    } catch (error) {
      throw DecodeError.at(plainKey(key), error);
    } finally {
      reader.shrinkScratch();
    }
  }
}
