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
import { type Key, KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import type { AbortOptions } from "./abort.ts";
import { keysOfRead, ownKey, ownKeys, passOver } from "./arguments.ts";
import type {
  IterationOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "./method_options.ts";
import { type Found, lookUntilFound, lookUntilFoundSync, NearMoment } from "./consistent_reads.ts";
import { type Entry, entryOf } from "./entry.ts";
import type { IndexedKeys } from "./indexed_keys.ts";
import type { StoreLifetime } from "./lifetime.ts";
import { LoopTurn } from "./loop_turn.ts";
import type { StoreReads } from "./reads.ts";
import type { OperationParts } from "./store_parts.ts";
import type { PendingRead } from "./update_turn.ts";

/** Reads of the pool by one thread. */
export class NearReads<V> implements StoreReads<V> {
  #pool: Pool;
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
    this.#pool = parts.pool;
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

  getMany(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    const read = (key: Key) => this.#readOrPassOver(key, options);
    return this.#readMany(keys, options, read, (found) => found.value);
  }

  getManySync(keys: Iterable<Key>, options?: ReadManySyncOptions): (V | undefined)[] {
    const read = (key: Key) => this.#readOrPassOver(key, options);
    return this.#readManySync(keys, options, read, (found) => found.value);
  }

  getEntries(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    const read = (key: Key) => this.#sharedOrPassOver(key, options);
    return this.#readMany(keys, options, read, (found) => found);
  }

  getEntriesSync(keys: Iterable<Key>, options?: ReadManySyncOptions): (Entry<V> | undefined)[] {
    const read = (key: Key) => this.#sharedOrPassOver(key, options);
    return this.#readManySync(keys, options, read, (found) => found);
  }

  hasMany(keys: Iterable<Key>, options?: AbortOptions): Promise<boolean[]> {
    return this.#readEach(keys, options, () => this.#reader.read(this.#key, false));
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertOpen();
    return this.#readEachSync(ownKeys(keys), () => this.#reader.read(this.#key, false));
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
      const key = this.#key.keyOf(stored);
      this.#lifetime.assertOpen();
      this.#encodeSettled(key);
      const value = this.#readOrPassOver(key, options);
      if (value !== undefined) yield [key, value];
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const stored of this.#indexed.scan(options)) {
      const key = this.#key.keyOf(stored);
      if (this.hasSync(key)) yield key;
    }
  }

  count(): number {
    return this.#indexed.count();
  }

  within(parts: OperationParts<V>): NearReads<V> {
    return new NearReads(parts);
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
    this.#pool =
      this.#client =
      this.#reader =
      this.#codec =
      this.#garbage =
      this.#queues =
        gone;
    this.#cache = gone;
  }

  async #readMany<Result>(
    keys: Iterable<Key>,
    options: ReadManyOptions | undefined,
    read: (key: Key) => Result | undefined,
    take: (found: Entry<V>) => Result,
  ): Promise<(Result | undefined)[]> {
    this.#lifetime.assertOpen();
    const list = keysOfRead(keys, options, false);
    if (options?.consistent !== true) return await this.#readEach(list, options, read);
    const client = this.#client;
    const operation = client.begin();
    try {
      for (const key of list) await this.#whenReadable(key);
      const moment = new NearMoment(this.#pool, this.#reader, this.#key);
      const found = await lookUntilFound((number) => {
        options.signal?.throwIfAborted();
        this.#lifetime.assertNotFailed();
        return moment.look(list, number);
      });
      return found.map((one, i) => this.#decodeFound(one, list[i]!, options, take));
    } finally {
      client.end(operation);
    }
  }

  #readManySync<Result>(
    keys: Iterable<Key>,
    options: ReadManySyncOptions | undefined,
    read: (key: Key) => Result | undefined,
    take: (found: Entry<V>) => Result,
  ): (Result | undefined)[] {
    this.#lifetime.assertOpen();
    const list = keysOfRead(keys, options, true);
    if (options?.consistent !== true) return this.#readEachSync(list, read);
    for (const key of list) this.#encodeSettled(key);
    const moment = new NearMoment(this.#pool, this.#reader, this.#key);
    const found = lookUntilFoundSync((number) => moment.look(list, number));
    return found.map((one, i) => this.#decodeFound(one, list[i]!, options, take));
  }

  /** Reads each of some keys, encoded, when all that was issued before can be seen. */
  async #readEach<Result>(
    keys: Iterable<Key>,
    options: AbortOptions | undefined,
    read: (key: Key) => Result,
  ): Promise<Result[]> {
    this.#lifetime.assertOpen();
    const list = ownKeys(keys);
    const client = this.#client;
    const operation = client.begin();
    try {
      const turn = new LoopTurn();
      const results: Result[] = [];
      for (const key of list) await this.#whenReadable(key);
      for (const key of list) {
        if (turn.isOver(results.length)) await turn.end();
        options?.signal?.throwIfAborted();
        this.#lifetime.assertNotFailed();
        this.#key.encode(key);
        results.push(read(key));
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  #readEachSync<Result>(keys: readonly Key[], read: (key: Key) => Result): Result[] {
    return keys.map((key) => {
      this.#encodeSettled(key);
      return read(key);
    });
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

  /** The same with version and expiry. */
  #sharedOrPassOver(key: Key, options: ReadOptions | undefined): Entry<V> | undefined {
    try {
      return this.#readShared(key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  /** Decodes what was found at one moment; undefined also if that fails, and is passed over. */
  #decodeFound<Result>(
    found: Found,
    key: Key,
    options: ReadOptions | undefined,
    take: (found: Entry<V>) => Result,
  ): Result | undefined {
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
