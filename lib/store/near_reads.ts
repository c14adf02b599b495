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
import { loopTurn } from "../core/loop_turn.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import type { AbortOptions } from "./abort.ts";
import { isConsistent, iterable, keysOfMoment, ownKey, passOver } from "./arguments.ts";
import type {
  IterationOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "./method_options.ts";
import { type Found, lookUntilFound, lookUntilFoundSync, NearMoment } from "./consistent_reads.ts";
import { type Entry, entryOf } from "./entry.ts";
import type { IndexedKeys } from "./indexed_keys.ts";
import { ownKeys } from "./batches.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { OperationCounters } from "../pool/operation_counters.ts";
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
  #counters: OperationCounters;
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
    this.#counters = parts.counters;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#indexed = parts.indexedKeys;
  }

  get(key: Key): Promise<V | undefined> {
    try {
      this.#lifetime.assertOpen();
      if (!this.#encodeIfReadable(key)) {
        return this.#whenSettled(key, (own) => this.#read(own));
      }
      return this.#resolve(this.#read(key));
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
    return this.#readEach(keys, options, () => this.#exists());
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertOpen();
    return this.#readEachSync(keys, () => this.#exists());
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
    return this.#readWhenSettled(key, () => this.#exists());
  }

  hasSync(key: Key): boolean {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#exists();
  }

  async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    let bytes = 0;
    for await (const keys of this.#indexed.slots(options)) {
      for (const stored of keys) {
        if (loopTurn.count(bytes)) await loopTurn.next();
        const key = this.#key.keyOf(stored);
        this.#lifetime.assertOpen();
        if (!this.#encodeIfReadable(key)) await this.#encodeReadable(key);
        const value = this.#readOrPassOver(key, options);
        bytes = this.#reader.valueBytes;
        if (value !== undefined) yield [key, value];
      }
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const keys of this.#indexed.slots(options)) {
      for (const stored of keys) {
        if (loopTurn.count(0)) await loopTurn.next();
        const key = this.#key.keyOf(stored);
        this.#lifetime.assertOpen();
        if (!this.#encodeIfReadable(key)) await this.#encodeReadable(key);
        if (this.#exists()) yield key;
      }
    }
  }

  *entriesSync(options?: IterationOptions): IterableIterator<[Key, V]> {
    this.#settleAll();
    for (const keys of this.#indexed.slotsSync(options)) {
      for (const stored of keys) {
        const key = this.#key.keyOf(stored);
        this.#lifetime.assertOpen();
        this.#encodeSettled(key);
        const value = this.#readOrPassOver(key, options);
        if (value !== undefined) yield [key, value];
      }
    }
  }

  *keysSync(options?: IterationOptions): IterableIterator<Key> {
    this.#settleAll();
    for (const keys of this.#indexed.slotsSync(options)) {
      for (const stored of keys) {
        const key = this.#key.keyOf(stored);
        if (this.hasSync(key)) yield key;
      }
    }
  }

  count(): number {
    return this.#indexed.count();
  }

  within(parts: OperationParts<V>): NearReads<V> {
    return new NearReads(parts);
  }

  usedSlots(): readonly Slot[] {
    return this.#indexed.usedSlots(this.#client);
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
        return this.#reader.read(key, true) ? this.#entryOf(key) : undefined;
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
      this.#counters =
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
    if (!isConsistent(options, false)) return await this.#readEach(keys, options, read);
    const list = keysOfMoment(keys);
    const client = this.#client;
    const operation = client.begin();
    try {
      for (const key of list) await this.#whenReadable(key);
      const moment = new NearMoment(this.#pool, this.#reader, this.#key);
      const found = await lookUntilFound((number) => {
        options?.signal?.throwIfAborted();
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
    if (!isConsistent(options, true)) return this.#readEachSync(keys, read);
    const list = keysOfMoment(keys);
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
    const client = this.#client;
    const operation = client.begin();
    try {
      const taken = ownKeys(iterable<Key>("keys", keys));
      const list = Array.isArray(taken) ? taken : await taken;
      const results: Result[] = [];
      for (const key of list) {
        options?.signal?.throwIfAborted();
        this.#lifetime.assertNotFailed();
        if (!this.#encodeIfReadable(key)) {
          await this.#whenReadable(key);
          this.#lifetime.assertNotFailed();
          this.#key.encode(key);
        }
        results.push(read(key));
        if (loopTurn.count(this.#reader.valueBytes)) await loopTurn.next();
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  #readEachSync<Result>(keys: Iterable<Key>, read: (key: Key) => Result): Result[] {
    return Array.from(iterable<Key>("keys", keys), (key) => {
      this.#encodeSettled(key);
      return read(key);
    });
  }

  /** Blocks until all that this thread has issued has ended. */
  #settleAll(): void {
    this.#lifetime.assertOpen();
    if (this.#queues.count !== 0) this.#queues.settleAll(false);
    this.#client.settleAll();
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

  /** Encodes a key; false if a read has to wait. */
  #encodeIfReadable(key: Key): boolean {
    return !this.#mustWait((this.#key.encode(key) >>> SLOT_SHIFT) as Slot);
  }

  /** Encodes the key of an iteration when a read need not wait any more. */
  async #encodeReadable(key: Key): Promise<void> {
    await this.#whenReadable(key);
    this.#lifetime.assertOpen();
    this.#key.encode(key);
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
      return this.#encodeIfReadable(key) ? this.#resolve(read(key)) : this.#whenSettled(key, read);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves to what has been read: at once, or in the next turn if this one has lasted. */
  #resolve<Result>(result: Result): Promise<Result> {
    return loopTurn.count(this.#reader.valueBytes)
      ? this.#resolveNext(result)
      : Promise.resolve(result);
  }

  async #resolveNext<Result>(result: Result): Promise<Result> {
    // Like an operation that waits, it has ended for `flush` and `close` when it is resolved.
    const client = this.#client;
    const operation = client.begin();
    await loopTurn.next();
    client.end(operation);
    return result;
  }

  /** Reads the encoded key; `key` is the one that an error names. */
  #read(key: Key): V | undefined {
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
  #exists(): boolean {
    const isThere = this.#reader.read(this.#key, false);
    this.#counters.read(isThere, 0);
    return isThere;
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
    if (found === undefined) {
      this.#counters.read(false, 0);
      return undefined;
    }
    const { bytes, version, expiresAtMs } = found;
    this.#counters.read(true, bytes.length);
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
    if (this.#cache === undefined) return this.#readCounted() ? this.#entryOf(key) : undefined;
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
  #entryOf(key: Key | KeyEncoder): Entry<V> {
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
