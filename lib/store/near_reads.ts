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
import { loopTurn } from "../core/loop_turn.ts";
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
import { ownKeys } from "./batches.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { OperationCounters } from "../pool/operation_counters.ts";
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
  #counters: OperationCounters;
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
      const value = this.#read(key);
      // As #resolve does, which is a call more.
      if (loopTurn.count(this.#reader.valueBytes)) return this.#resolveNext(value);
      return Promise.resolve(value);
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
    const client = this.#client;
    const operation = client.begin();
    try {
      const taken = ownKeys(iterable<Key>("keys", keys));
      const list = Array.isArray(taken) ? taken : await taken;
      const values: (V | undefined)[] = [];
      for (const key of list) {
        this.#lifetime.assertNotFailed();
        if (!this.#encodeIfReadable(key)) {
          await this.#whenReadable(key);
          this.#lifetime.assertNotFailed();
          this.#key.encode(key);
        }
        values.push(this.#readOrPassOver(key, options));
        if (loopTurn.count(this.#reader.valueBytes)) await loopTurn.next();
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
        const key = keyOf(stored);
        this.#lifetime.assertOpen();
        if (!this.#encodeIfReadable(key)) await this.#encodeReadable(key);
        const value = this.#readInScan(key, options);
        bytes = this.#reader.valueBytes;
        if (value !== undefined) yield [key, value];
      }
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const keys of this.#indexed.slots(options)) {
      for (const stored of keys) {
        if (loopTurn.count(0)) await loopTurn.next();
        this.#lifetime.assertOpen();
        if (!this.#encodeIfReadable(stored.bytes)) await this.#encodeReadable(stored.bytes);
        if (this.#exists()) yield keyOf(stored);
      }
    }
  }

  *entriesSync(options?: IterationOptions): IterableIterator<[Key, V]> {
    this.#settleAll();
    for (const keys of this.#indexed.slotsSync(options)) {
      for (const stored of keys) {
        const key = keyOf(stored);
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
      for (const stored of keys) if (this.hasSync(stored.bytes)) yield keyOf(stored);
    }
  }

  count(): number {
    return this.#indexed.count();
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
    this.#client =
      this.#reader =
      this.#codec =
      this.#garbage =
      this.#counters =
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
