/**
 * Reads in the near placement: this thread reads the pool itself.
 *
 * A read sees what its own thread has issued before: it waits for the requests of the key's slot
 * that are in flight, and for updates of the key that are in progress.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import { type FoundKey, NO_VALUES } from "../../ordered/found_key.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { AbortOptions } from "../arguments/abort.ts";
import { isConsistent, keysOfMoment, ownKey, ownKeys } from "../arguments/arguments.ts";
import { ownKeysInTurns } from "../arguments/batches.ts";
import type {
  IterationOptions,
  IterationSyncOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "../arguments/method_options.ts";
import { lookUntilFound, lookUntilFoundSync, NearMoment } from "./consistent_reads.ts";
import type { Entry } from "../arguments/entry.ts";
import type { IndexedKeys } from "./indexed_keys.ts";
import type { AheadMaker } from "./items_ahead.ts";
import type { KeyWalk } from "./key_walk.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import { Scan, type ScanParts, SyncScan } from "./near_scan.ts";
import { NearValues } from "./near_values.ts";
import type { StoreReads } from "./reads.ts";
import type { ReadParts } from "../parts/store_parts.ts";
import type { DirectPool } from "../parts/used_pool.ts";
import { DirectTransactionReads, type TransactionReads } from "./transaction_reads.ts";
import type { PendingRead } from "../arguments/update_turn.ts";

/** Reads of the pool by one thread. */
export class NearReads<V> implements StoreReads<V> {
  readonly clearsSlots = true;
  #direct: DirectPool;
  #client: Client;
  #reader: OneSidedReader;
  #queues: KeyQueues;
  readonly #values: NearValues<V>;
  readonly #key: KeyEncoder;
  readonly #makeKey: () => KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #indexed: IndexedKeys;
  readonly #scans: ScanParts;
  readonly #entriesAhead: AheadMaker<[Key, V]>;
  readonly #keysAhead: AheadMaker<Key>;

  /** Reads with a store's parts; `indexed` are its keys, or those of a namespace. */
  constructor(parts: ReadParts<V>, direct: DirectPool, indexed: IndexedKeys) {
    this.#direct = direct;
    this.#client = parts.client;
    this.#reader = direct.reader;
    this.#queues = parts.queues;
    this.#values = new NearValues(parts, direct.reader);
    this.#key = parts.key;
    this.#makeKey = parts.makeKey;
    this.#lifetime = parts.lifetime;
    this.#indexed = indexed;
    this.#scans = {
      key: this.#key,
      assertOpen: () => this.#lifetime.assertOpen(),
      begin: (range, valueBytesMax) => this.#indexed.walkSettled(range, valueBytesMax),
      beginSync: (range, valueBytesMax) => {
        this.#settleAll();
        return this.#indexed.walk(range, valueBytesMax);
      },
      isBusy: (slot) =>
        this.#queues.count !== 0 ||
        (this.#client.pendingCount !== 0 && this.#client.isSlotPending(slot)),
      mustWait: (slot) => this.#mustWait(slot),
      whenReadable: (key) => this.#whenReadable(key),
      encodeSettled: (key) => this.#encodeSettled(key),
    };
    const values = this.#values;
    const keyOf = (found: FoundKey) => this.#key.keyIn(found);
    this.#entriesAhead = {
      valueBytesMax: values.aheadBytesMax,
      make: (found) => {
        const value = values.decodeAhead(found);
        return value === undefined ? undefined : [keyOf(found), value];
      },
      read: (found) => values.readAhead(found, found.valueBytes),
    };
    this.#keysAhead = {
      valueBytesMax: NO_VALUES,
      make: keyOf,
      read: (found) => values.readAhead(found, 0),
    };
  }

  get(key: Key): Promise<V | undefined> {
    try {
      this.#lifetime.assertOpen();
      if (!this.#encodeIfReadable(key)) {
        return this.#whenSettled(key, (own) => this.#values.read(own));
      }
      const value = this.#values.read(key);
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
    return this.#values.read(key);
  }

  getMany(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    const read = (key: Key) => this.#values.readOrPassOver(key, options);
    return this.#readMany(keys, options, read, (found) => found.value);
  }

  getManySync(keys: Iterable<Key>, options?: ReadManySyncOptions): (V | undefined)[] {
    const read = (key: Key) => this.#values.readOrPassOver(key, options);
    return this.#readManySync(keys, options, read, (found) => found.value);
  }

  getEntries(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    const read = (key: Key) => this.#values.sharedOrPassOver(key, options);
    return this.#readMany(keys, options, read, (found) => found);
  }

  getEntriesSync(keys: Iterable<Key>, options?: ReadManySyncOptions): (Entry<V> | undefined)[] {
    const read = (key: Key) => this.#values.sharedOrPassOver(key, options);
    return this.#readManySync(keys, options, read, (found) => found);
  }

  hasMany(keys: Iterable<Key>, options?: AbortOptions): Promise<boolean[]> {
    return this.#readEach(keys, options, () => this.#values.exists());
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertOpen();
    return this.#readEachSync(ownKeys(keys), () => this.#values.exists());
  }

  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readWhenSettled(key, (own) => this.#values.readShared(own));
  }

  readEntry(key: Key): Promise<Entry<V> | undefined> | Entry<V> | undefined {
    this.#lifetime.assertOpen();
    return loopTurn.count(this.#reader.valueBytes) || !this.#encodeIfReadable(key)
      ? this.getEntry(key)
      : this.#values.readShared(key);
  }

  getEntrySync(key: Key): Entry<V> | undefined {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#values.readShared(key);
  }

  has(key: Key): Promise<boolean> {
    return this.#readWhenSettled(key, () => this.#values.exists());
  }

  hasSync(key: Key): boolean {
    this.#lifetime.assertOpen();
    this.#encodeSettled(key);
    return this.#values.exists();
  }

  entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    return new Scan(this.#scans, {
      range: () => this.#indexed.rangeOf(options, false),
      make: (key, walk) => this.#entryAt(key, walk, options),
      ahead: this.#entriesAhead,
      itemBytes: () => this.#reader.valueBytes,
      signal: options?.signal,
    });
  }

  keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    return new Scan(this.#scans, {
      range: () => this.#indexed.rangeOf(options, false),
      make: (key, walk) => this.#values.existsAt(walk) ? key : undefined,
      ahead: this.#keysAhead,
      signal: options?.signal,
    });
  }

  entriesSync(options?: IterationSyncOptions): IterableIterator<[Key, V]> {
    return new SyncScan(this.#scans, {
      range: () => this.#indexed.rangeOf(options, true),
      make: (key, walk) => this.#entryAt(key, walk, options),
      ahead: this.#entriesAhead,
    });
  }

  keysSync(options?: IterationSyncOptions): IterableIterator<Key> {
    return new SyncScan(this.#scans, {
      range: () => this.#indexed.rangeOf(options, true),
      make: (key, walk) => this.#values.existsAt(walk) ? key : undefined,
      ahead: this.#keysAhead,
    });
  }

  count(): number {
    return this.#indexed.count();
  }

  assertOrdered(method: string): void {
    this.#indexed.assertOrdered(method);
  }

  usedSlots(): readonly Slot[] {
    return this.#indexed.usedSlots(this.#client);
  }

  within<V2>(parts: ReadParts<V2>): NearReads<V2> {
    const indexed = this.#indexed.narrow(parts.key, parts.prefix);
    return new NearReads(parts, this.#direct, indexed);
  }

  forTransactions(): TransactionReads<V> {
    return new DirectTransactionReads(this.#direct, {
      client: this.#client,
      lifetime: this.#lifetime,
      key: this.#makeKey(),
      getEntry: (key) => this.getEntry(key),
    });
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
        return this.#reader.read(key, true) ? this.#values.entryOf(key) : undefined;
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
    this.#values.letGo();
    this.#indexed.letGo();
    this.#direct = this.#client = undefined as never;
    this.#reader = this.#queues = undefined as never;
  }

  /** A scan says nothing about what will be read again: in a cache it keeps no key from going. */
  #entryAt(key: Key, walk: KeyWalk, options: ReadOptions | undefined): [Key, V] | undefined {
    this.#reader.raisesCounts = false;
    try {
      const value = this.#values.readAtOrPassOver(key, walk, options);
      return value === undefined ? undefined : [key, value];
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
      const moment = new NearMoment(this.#direct.pool, this.#reader, this.#key);
      const found = await lookUntilFound((number) => {
        options?.signal?.throwIfAborted();
        this.#lifetime.assertNotFailed();
        return moment.look(list, number);
      });
      const results: (Result | undefined)[] = [];
      for (const [i, one] of found.entries()) {
        results.push(this.#values.decodeFound(one, list[i]!, options, take));
        if (loopTurn.count(one?.bytes.length ?? 0)) await loopTurn.next();
      }
      return results;
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
    if (!isConsistent(options, true)) return this.#readEachSync(ownKeys(keys), read);
    const list = keysOfMoment(keys);
    for (const key of list) this.#encodeSettled(key);
    const moment = new NearMoment(this.#direct.pool, this.#reader, this.#key);
    const found = lookUntilFoundSync((number) => moment.look(list, number));
    return found.map((one, i) => this.#values.decodeFound(one, list[i]!, options, take));
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
      const taken = ownKeysInTurns(keys, options?.signal);
      const list = Array.isArray(taken) ? taken : await taken;
      // At its length: one that grows is copied again and again.
      const results = new Array<Result>(list.length);
      for (const [i, key] of list.entries()) {
        options?.signal?.throwIfAborted();
        this.#lifetime.assertNotFailed();
        if (!this.#encodeIfReadable(key)) {
          await this.#whenReadable(key);
          this.#lifetime.assertNotFailed();
          this.#key.encode(key);
        }
        results[i] = read(key);
        if (loopTurn.count(this.#reader.valueBytes)) await loopTurn.next();
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
    if (this.#queues.count !== 0) {
      this.#key.encode(key);
      this.#queues.settle(this.#key, false);
    }
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#client.isSlotPending(slot)) this.#client.settleSlot(slot);
  }

  /** Encodes a key; false if a read has to wait. */
  #encodeIfReadable(key: Key): boolean {
    return !this.#mustWait((this.#key.encode(key) >>> SLOT_SHIFT) as Slot);
  }

  /** Whether a read of the encoded key may have to wait for operations of this thread. */
  #mustWait(slot: Slot): boolean {
    return this.#client.isSlotPending(slot) ||
      this.#queues.has(this.#key);
  }

  /** Resolves when all that was issued before for a key can be seen. */
  async #whenReadable(key: Key): Promise<void> {
    this.#lifetime.assertNotFailed();
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#queues.count !== 0) await this.#queues.whenTurnComes(this.#key);
    if (this.#client.isSlotPending(slot)) await this.#client.whenSlotSettled(slot);
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
}
