/**
 * The store: what an application holds.
 *
 * @module
 */
import { startTimer, type Timer } from "../core/runtime.ts";
import type { Client } from "../client/client.ts";
import type { ClientCache } from "../client/client_cache.ts";
import { GarbageMeter } from "../client/garbage_meter.ts";
import { InstantTurn, KeyQueues } from "../client/key_queues.ts";
import {
  BatchCompletion,
  type Completion,
  OutcomeCompletion,
  PutCompletion,
  SyncCompletions,
} from "../client/completions.ts";
import type { ValueCodec } from "../codec/codec.ts";
import type { Slot } from "../core/brands.ts";
import {
  describe,
  type DinomoError,
  FarOnlyError,
  InvalidArgumentError,
  NotANumberError,
  StoreClosedError,
} from "../core/errors.ts";
import { type Key, KeyEncoder } from "../core/key_encoder.ts";
import { garbageCollector } from "../core/garbage_collector.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import type { OneSidedReader, StoredKey } from "../index/one_sided_reader.ts";
import type { ScaleReport } from "../mnode/node_manager.ts";
import type { SnapshotReport } from "../persistence/snapshot_writer.ts";
import type { RecoveryReport } from "../persistence/frame_replay.ts";
import { DURABILITY_LEVEL } from "../pool/control_layout.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { Condition } from "../rings/ring_layout.ts";
import {
  assertReplicable,
  expiryOf,
  iterable,
  type IterationOptions,
  keyOf,
  mustSyncOf,
  ownKey,
  prefixOf,
  type PutOptions,
  versionOf,
} from "./arguments.ts";
import { pathFrom, pathRule } from "./path_argument.ts";
import {
  type StoreEventDetails,
  type StoreEventListener,
  StoreEvents,
  type StoreEventType,
  type StoreListenerOptions,
} from "./events.ts";
import { closedByHost, type StoreHandle } from "./handle.ts";
import { LoopTurn } from "./loop_turn.ts";
import type { StoreMaintenance } from "./maintenance.ts";
import { nodeCountMax } from "./pool_sizes.ts";
import type { Entry } from "./entry.ts";
import { type PendingRead, type UpdatedStore, UpdateTurn } from "./update_turn.ts";
import { isStoreOpen } from "../routing/client_registry.ts";
import { activeNodes } from "../routing/node_directory.ts";
import {
  ATTACHED_STATS,
  countRecords,
  gatherStats,
  type HostStats,
  type StoreStats,
} from "./stats.ts";

/** The parts of a store, made by `open`. */
export interface StoreParts<V> {
  readonly pool: Pool;
  readonly client: Client;
  readonly reader: OneSidedReader;
  readonly codec: ValueCodec<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly recovery: RecoveryReport | undefined;
  /** What other threads attach by. */
  readonly handle: StoreHandle;
  /** Makes what is done to the store as a whole; `assertWorks` throws when the store has failed meanwhile. */
  readonly maintenance: (assertWorks: () => void) => StoreMaintenance;
  /** Fewest and most KNs that `scale` takes, if the M-node decides about their number, too. */
  readonly nodeBounds?: { readonly min: number; readonly max: number } | undefined;
  /** Figures that only the host has; undefined in an attached thread. */
  readonly hostStats?: () => HostStats;
}

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;

/**
 * A key-value store in shared memory. Made by `open`.
 *
 * Operations that change something resolve when every thread sees the change. Operations on one key apply in the
 * order in which they were issued, awaited or not.
 *
 * @typeParam V the type of the values
 */
export class Store<V> {
  // What leads to the pool; let go when the store is closed, so nothing of it is used before the store is known to be open.
  #parts: StoreParts<V>;
  #pool: Pool;
  #client: Client;
  #reader: OneSidedReader;
  #codec: ValueCodec<V>;
  #cache: ClientCache<V> | undefined;
  #maintenance: StoreMaintenance;
  #garbage: GarbageMeter;
  readonly #key: KeyEncoder;
  readonly #recovery: RecoveryReport | undefined;
  #isLetGo = false;
  readonly #syncs = new SyncCompletions();
  /** Operations on keys of which this thread has updates in progress. */
  #queues: KeyQueues;
  #updated: UpdatedStore<V>;
  readonly #events = new StoreEvents();
  #keepAlive: Timer | undefined;
  #closed: Promise<void> | undefined;
  #failure: DinomoError | undefined;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;

  /** Used by `open` only. */
  constructor(parts: StoreParts<V>) {
    this.#parts = parts;
    this.#pool = parts.pool;
    this.#client = parts.client;
    this.#reader = parts.reader;
    this.#codec = parts.codec;
    this.#cache = parts.cache;
    this.#key = new KeyEncoder(...parts.pool.hashKey);
    this.#queues = new KeyQueues(parts.client);
    this.#updated = this.#makeUpdated();
    this.#recovery = parts.recovery;
    this.#garbage = new GarbageMeter(() => parts.pool.sharedBytes);
    this.#maintenance = parts.maintenance(() => this.assertNotFailed());
    this.#level = parts.pool.control[DURABILITY_LEVEL];
  }

  /**
   * Reads a value. With the option `cache` it is shared with other callers, and deeply frozen.
   *
   * @returns the value, or undefined if the key does not exist
   */
  get(key: Key): Promise<V | undefined> {
    try {
      this.assertOpen();
      const hash = this.#key.encode(key);
      if (this.#mustWait((hash >>> SLOT_SHIFT) as Slot)) {
        return this.#whenSettled(key, () => this.#read());
      }
      return Promise.resolve(this.#read());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads a value at once: no other thread takes part. If operations that this thread has issued for the key before are still on
   * their way, it blocks until they have ended, and calls the `change` functions of updates among them.
   */
  getSync(key: Key): V | undefined {
    this.assertOpen();
    this.#encodeSettled(key);
    return this.#read();
  }

  /** Reads many values, in the order of the keys. */
  async getMany(keys: Iterable<Key>): Promise<(V | undefined)[]> {
    this.assertOpen();
    const list = Array.from(iterable<Key>("keys", keys), ownKey);
    const client = this.#client;
    const operation = client.begin();
    try {
      const turn = new LoopTurn();
      const values: (V | undefined)[] = [];
      for (const key of list) await this.#whenReadable(key);
      for (const key of list) {
        if (turn.isOver(values.length)) await turn.end();
        this.assertNotFailed();
        this.#key.encode(key);
        values.push(this.#read());
      }
      return values;
    } finally {
      client.end(operation);
    }
  }

  /** Reads a value together with its version and expiry time. */
  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readWhenSettled(key, () => this.#readShared());
  }

  /** Reads a value together with its version and expiry time, at once. */
  getEntrySync(key: Key): Entry<V> | undefined {
    this.assertOpen();
    this.#encodeSettled(key);
    return this.#readShared();
  }

  /** Whether a key exists. */
  has(key: Key): Promise<boolean> {
    return this.#readWhenSettled(key, () => this.#reader.read(this.#key, false));
  }

  /** Whether a key exists, at once. */
  hasSync(key: Key): boolean {
    this.assertOpen();
    this.#encodeSettled(key);
    return this.#reader.read(this.#key, false);
  }

  /** Stores a value. Without `ttl` the key does not expire, whatever it did before. */
  put(key: Key, value: V, options?: PutOptions): Promise<void> {
    try {
      const completion = new PutCompletion();
      const expiresAtMs = expiryOf(options);
      const mustSync = mustSyncOf(options, this.#level);
      this.#encode(key, value);
      this.#put(expiresAtMs, Condition.NONE, 0, completion, mustSync);
      return completion.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Stores a value before it returns, without a turn of the event loop. */
  putSync(key: Key, value: V, options?: PutOptions): void {
    this.assertOpen();
    const expiresAtMs = expiryOf(options);
    const mustSync = mustSyncOf(options, this.#level);
    if (this.#queues.count !== 0) this.#settleQueue(key);
    this.#encode(key, value);
    const completion = this.#syncs.take();
    this.#client.put(this.#key, this.#codec, expiresAtMs, Condition.NONE, 0, completion, mustSync);
    this.#client.waitFor(completion);
    this.#syncs.give(completion);
    completion.throwError();
  }

  /**
   * Stores many values. Not atomic as a whole: other threads may see some of them before the others. When an entry is
   * refused, the entries before it are stored and those after it are not; when one finds no space, the others
   * are stored all the same.
   */
  async putMany(entries: Iterable<readonly [Key, V]>, options?: PutOptions): Promise<void> {
    const expiresAtMs = expiryOf(options);
    const mustSync = mustSyncOf(options, this.#level);
    await this.#issueAll(iterable<readonly [Key, V]>("entries", entries), (entry, batch) => {
      if (!Array.isArray(entry)) {
        throw new InvalidArgumentError(
          `entries must hold [key, value] pairs, got ${describe(entry)}`,
        );
      }
      this.#encode(entry[0], entry[1]);
      this.#put(expiresAtMs, Condition.NONE, 0, batch, mustSync);
    });
  }

  /** Deletes a key; resolves to whether it existed. */
  delete(key: Key): Promise<boolean> {
    try {
      this.assertOpen();
      this.#key.encode(key);
      const completion = new OutcomeCompletion();
      this.#delete(completion);
      return completion.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Deletes a key before it returns; returns whether it existed. */
  deleteSync(key: Key): boolean {
    this.assertOpen();
    if (this.#queues.count !== 0) this.#settleQueue(key);
    this.#key.encode(key);
    const completion = this.#syncs.take();
    this.#client.delete(this.#key, completion);
    this.#client.waitFor(completion);
    this.#syncs.give(completion);
    completion.throwError();
    return completion.isApplied;
  }

  /** Deletes many keys; resolves to how many existed. A key that is refused leaves those after it alone. */
  async deleteMany(keys: Iterable<Key>): Promise<number> {
    return await this.#issueAll(iterable<Key>("keys", keys), (key, batch) => {
      this.assertOpen();
      this.#key.encode(key);
      this.#delete(batch);
    });
  }

  /**
   * Stores a value if the key has not changed since it was read.
   *
   * @param version the version that `getEntry` returned, or null: only if the key does not exist
   * @returns whether the value was stored
   */
  compareAndSet(
    key: Key,
    version: number | null,
    value: V,
    options?: PutOptions,
  ): Promise<boolean> {
    try {
      const expected = versionOf(version);
      const expiresAtMs = expiryOf(options);
      const mustSync = mustSyncOf(options, this.#level);
      this.#encode(key, value);
      const completion = new OutcomeCompletion();
      const condition = expected === null ? Condition.ABSENT : Condition.VERSION;
      this.#put(expiresAtMs, condition, expected ?? 0, completion, mustSync);
      return completion.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Changes a value atomically: reads it, calls `change`, stores the result if the key has not changed meanwhile, and
   * starts over if it has. `change` may therefore run several times. The key's expiry time stays unless `ttl` is given.
   *
   * Like any operation it is issued when it is called: what was issued before for the key applies before, and what is issued later,
   * later. `change` is called when its turn has come, at the next tick at the earliest, or by a synchronous operation on the key.
   *
   * If `change` returns a promise that is not settled when the event loop has turned, or when a synchronous operation on the key has to
   * wait for it, the update lets go of its place: what is issued meanwhile for the key applies before it, and `flush` and `close` do
   * not wait for it. It is issued again when the promise is fulfilled.
   *
   * @param change gets the value, or undefined if the key does not exist; what it returns, or resolves to, is stored
   * @returns the value that was stored
   * @throws {ReentrantCallError} when `change` changes its own key each time that it is called
   */
  update(
    key: Key,
    change: (old: V | undefined) => V | Promise<V>,
    options?: PutOptions,
  ): Promise<V> {
    try {
      if (typeof change !== "function") {
        throw new InvalidArgumentError(`change must be a function, got ${describe(change)}`);
      }
      const givenMs = expiryOf(options);
      const expiresAtMs = options?.ttl === undefined ? undefined : givenMs;
      const mustSync = mustSyncOf(options, this.#level);
      this.assertOpen();
      this.#key.encode(key);
      const turn = new UpdateTurn<V>(this.#updated, change, { expiresAtMs, mustSync });
      this.#queues.add(this.#key, turn);
      return turn.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Adds to a number atomically. A key that does not exist counts as 0.
   *
   * @param by what to add, a finite number; 1 if left out
   * @returns the new value
   * @throws {NotANumberError} when the stored value is not a number, or would not stay finite
   */
  increment(key: Key, by = 1): Promise<number> {
    if (typeof by !== "number" || !Number.isFinite(by)) {
      return Promise.reject(
        new InvalidArgumentError(`by must be a finite number, got ${describe(by)}`),
      );
    }
    const next = this.update(key, (old) => {
      const sum = old === undefined ? by : typeof old === "number" ? old + by : NaN;
      if (!Number.isFinite(sum)) {
        throw new NotANumberError(
          `increment must add to a number and stay finite, got ${describe(old)} at ${
            describe(key)
          }`,
        );
      }
      return sum as V;
    });
    return next as Promise<unknown> as Promise<number>;
  }

  /**
   * Iterates over keys and values, in no particular order. Every key that exists from beginning to end is seen exactly once;
   * keys that come or go meanwhile may be seen or not. The value is the one at the moment it is yielded.
   */
  async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    for await (const stored of this.#storedKeys(options)) {
      const value = this.getSync(stored.bytes);
      if (value !== undefined) yield [keyOf(stored), value];
    }
  }

  /** Iterates over keys, like {@linkcode entries}. */
  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const stored of this.#storedKeys(options)) {
      if (this.hasSync(stored.bytes)) yield keyOf(stored);
    }
  }

  /** Iterates over values, like {@linkcode entries}. */
  async *values(options?: IterationOptions): AsyncIterableIterator<V> {
    for await (const [, value] of this.entries(options)) yield value;
  }

  /** Number of keys, those included that have expired within the last second but were not removed yet. */
  get count(): number {
    return this.countIndexed();
  }

  /** Number of keys in the index. */
  protected countIndexed(): number {
    this.assertOpen();
    // The store's own key, where the codec keeps what it has to, is not the application's.
    this.#key.encodeSystemKey();
    return countRecords(this.#pool) - (this.#reader.read(this.#key, false) ? 1 : 0);
  }

  /** Deletes all keys. Not atomic as a whole: keys that are put meanwhile may stay. */
  async clear(): Promise<void> {
    this.assertOpen();
    // No update may be between its read and its compare-and-set when the key goes.
    if (this.#queues.count !== 0) this.#queues.settleAll();
    const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
    await this.#issueAll(slots, (slot, batch) => this.#client.clearSlot(slot, batch));
  }

  /** What was found at `path` behind the last checkpoint; undefined for a new pool, and without a path. */
  get recovery(): RecoveryReport | undefined {
    return this.#recovery;
  }

  /** Number of KNs. */
  get nodes(): number {
    if (this.#isLetGo) return 0;
    return activeNodes(this.#pool).length;
  }

  /**
   * Changes the number of KNs while operations go on. No data is copied.
   *
   * @param nodes from 1 to 64, and no more than the pool has segments for; with the option `autoscale` from its `min` to its `max`, and
   *   nothing is decided about the number of KNs until its grace period has passed
   */
  async scale(nodes: number): Promise<ScaleReport> {
    const maintenance = this.#maintain();
    const bounds = this.#parts.nodeBounds;
    if (bounds !== undefined && (nodes < bounds.min || nodes > bounds.max)) {
      throw new InvalidArgumentError(
        `nodes must be from ${bounds.min} to ${bounds.max}, the bounds of autoscale, got ${
          describe(nodes)
        }`,
      );
    }
    const max = nodeCountMax(this.#pool.geometry.segmentCount);
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > max) {
      throw new InvalidArgumentError(
        `nodes must be a whole number from 1 to ${max} for a pool of ` +
          `${this.#pool.geometry.segmentCount} segments, got ${describe(nodes)}`,
      );
    }
    return await maintenance.scale(nodes);
  }

  /**
   * Has a key owned by several KNs of a far pool, which share its reads and writes: for a key that is used so much that it keeps
   * one KN busy (selective replication). With 1 it is owned by one KN again.
   *
   * The key need not exist. It is read and written as before: operations on it are linearizable, and those of one thread apply in
   * the order in which they were issued. As long as a thread has any of the key in flight, it sends the next to the same KN; so what is
   * shared are the operations of several threads, and those that a thread awaits one by one. Up to 64 keys can be replicated at one time.
   * When KNs come, go or fail, others take their places, as far as there are any. It is forgotten when the store is closed.
   *
   * @param key at most 128 bytes long
   * @param owners how many KNs, from 1 to `nodes`
   * @throws {FarOnlyError} in the near placement, where every thread reads every key itself
   * @throws {InvalidArgumentError} when the key is too long, or there are fewer KNs
   * @throws {TooManyReplicatedKeysError} when 64 other keys are replicated
   * @throws {HostOnlyError} in a thread that has attached
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ placement: "far", nodes: 2, capacity: "64MiB" });
   * await store.put("visits", 0);
   * await store.replicate("visits", 2);
   * await store.increment("visits");
   * console.log(store.stats().replicatedKeys); // [{ key: "visits", owners: [0, 1] }]
   * await store.replicate("visits", 1);
   * ```
   */
  async replicate(key: Key, owners: number): Promise<void> {
    const maintenance = this.#maintain();
    const encoder = new KeyEncoder(...this.#pool.hashKey);
    encoder.encode(key);
    if (!isFar(this.#pool)) {
      throw new FarOnlyError(
        'replicate must be called on a store with placement "far", got a near one: there every thread reads every key itself',
      );
    }
    assertReplicable(encoder.byteLength);
    const { nodes } = this;
    if (!Number.isInteger(owners) || owners < 1 || owners > nodes) {
      throw new InvalidArgumentError(
        `owners must be a whole number from 1 to ${nodes}, the number of KNs, got ${
          describe(owners)
        }`,
      );
    }
    await maintenance.replicate(encoder, owners);
  }

  /**
   * Writes everything acknowledged so far to the files at `path`, as of one moment.
   *
   * @throws {InvalidArgumentError} when the store was opened without a path
   * @throws {SnapshotError} when a file operation fails; the previous snapshot is still valid then
   */
  async snapshot(): Promise<SnapshotReport> {
    return await this.#maintain().snapshot();
  }

  /**
   * Writes a copy of the store, as of one moment, into another directory, while operations go on. It can be opened like any pool.
   *
   * @param directory is created if it does not exist, and must be empty
   * @throws {PathError} when the directory cannot be used
   * @throws {SnapshotError} when a file operation fails
   */
  async backup(directory: string | URL): Promise<SnapshotReport> {
    if (directory === "" || (typeof directory !== "string" && !(directory instanceof URL))) {
      throw new InvalidArgumentError(
        `directory must be a non-empty string, got ${describe(directory)}`,
      );
    }
    const path = pathFrom(directory);
    if (path === undefined) {
      throw new InvalidArgumentError(
        `directory ${pathRule(directory)}, got ${describe(directory)}`,
      );
    }
    return await this.#maintain().backup(path);
  }

  /**
   * Resolves when every operation issued so far by this thread has ended and, if the store logs its writes, has been synced: it
   * survives power loss.
   *
   * @throws {DurabilityError} when durability is lost
   */
  async flush(): Promise<void> {
    const maintenance = this.#maintain();
    await this.#client.whenIssuedEnded();
    await maintenance.sync();
  }

  /**
   * What another thread needs to use the store: send it there by `postMessage` or `workerData`, and give it to `attach`. It can be sent
   * on from there.
   */
  share(): StoreHandle {
    this.assertOpen();
    return this.#parts.handle;
  }

  /**
   * Calls a listener when something happens to the store: KNs come, go, fail and are replaced, durability is lost, the pool fills up.
   * Events are those of the thread that opened the store; in an attached one there are none.
   *
   * @param type one of the names in {@linkcode StoreEventDetails}
   */
  addEventListener<Type extends StoreEventType>(
    type: Type,
    listener: StoreEventListener<Type>,
    options?: StoreListenerOptions,
  ): void {
    this.#events.target.addEventListener(type, listener as (event: Event) => void, options);
  }

  /** Takes a listener back. */
  removeEventListener<Type extends StoreEventType>(
    type: Type,
    listener: StoreEventListener<Type>,
  ): void {
    this.#events.target.removeEventListener(type, listener as (event: Event) => void);
  }

  /** Figures about the store. */
  stats(): StoreStats {
    const count = this.countIndexed();
    return {
      count,
      ...gatherStats(this.#pool, activeNodes(this.#pool)),
      ...(this.#parts.hostStats?.() ?? ATTACHED_STATS),
      readRetries: this.#reader.retryCount,
      pending: this.#client.pendingCount,
      cache: this.#cache?.stats(),
    };
  }

  /**
   * Closes the store: waits for pending operations, writes a snapshot if there is a path, ends all threads. Operations
   * that are issued afterwards are refused, also in threads that have attached. In one of those it ends that thread's part in the
   * store. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#maintenance.close(() => this.#failure !== undefined)
      .finally(() => {
        this.#keepAlive?.stop();
        const isHost = this.#parts.hostStats !== undefined;
        this.letGo();
        // Where shared buffers count, those of a pool that is gone would count until something else causes a collection.
        if (isHost) garbageCollector?.collect();
      });
    return this.#closed;
  }

  /**
   * Lets go of everything that leads to the pool: an application may keep a store that is closed, and the pool's memory and address
   * space are given back only when nothing in any thread refers to a buffer.
   */
  protected letGo(): void {
    this.#isLetGo = true;
    this.#codec.letGo?.();
    const gone = undefined as never;
    this.#parts =
      this.#pool =
      this.#client =
      this.#reader =
      this.#codec =
        gone;
    this.#cache =
      this.#maintenance =
      this.#garbage =
      this.#queues =
      this.#updated =
        gone;
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Issues one request per item as a batch; resolves to how many were applied, once all have ended. */
  async #issueAll<Item>(
    items: Iterable<Item>,
    issue: (item: Item, batch: BatchCompletion) => void,
  ): Promise<number> {
    this.assertOpen();
    const batch = new BatchCompletion();
    let isIssuing = false;
    try {
      for (const item of items) {
        isIssuing = true;
        batch.expect();
        issue(item, batch);
        isIssuing = false;
      }
    } catch (error) {
      // An item that was refused is not settled by anything else; where the iterable has thrown, there is none.
      if (isIssuing) batch.fail(error);
      else batch.refuse(error);
    }
    batch.seal();
    return await batch.promise;
  }

  /** Keeps the process alive until the store is closed; called by `open`. */
  keepAlive(): void {
    this.#keepAlive ??= startTimer(() => {}, KEEP_ALIVE_MS, { isRepeated: true });
  }

  /** Tells what has happened to the store, soon; called by `open`'s wiring. */
  emit<Type extends StoreEventType>(type: Type, detail: StoreEventDetails[Type]): void {
    this.#events.emit(type, detail);
  }

  /** Ends the store because it cannot go on; called by `open`'s and `attach`'s wiring. */
  fail(error: DinomoError): void {
    this.#failure ??= error;
    if (this.#isLetGo) return;
    this.#client.failAll(error);
    this.#queues.failAll(error);
  }

  /** Maintenance of a store that is open. */
  #maintain(): StoreMaintenance {
    this.assertOpen();
    return this.#maintenance;
  }

  /** Throws when the store cannot be used. */
  protected assertOpen(): void {
    this.assertNotFailed();
    if (this.#closed === undefined && isStoreOpen(this.#pool)) return;
    if (this.#closed === undefined) throw closedByHost(this.#pool);
    throw new StoreClosedError("the store must be open, and has been closed");
  }

  /** Throws when operations that were issued before cannot end. */
  protected assertNotFailed(): void {
    if (this.#failure === undefined) return;
    if (this.#failure instanceof StoreClosedError) throw this.#failure;
    throw new StoreClosedError(
      `the store has failed and must be opened again: ${this.#failure.message}`,
    );
  }

  /** Encodes value and key; the value first, because encoding it may store a structure under another key. */
  #encode(key: Key, value: V): void {
    this.assertOpen();
    this.#codec.encode(value);
    this.#key.encode(key);
    // The value was made to be stored, most likely, and is garbage afterwards.
    this.#garbage.count(this.#codec.end - this.#codec.start);
  }

  /** Encodes a key, and blocks until this thread's own operations on its slot have ended. */
  #encodeSettled(key: Key): void {
    this.assertOpen();
    if (this.#queues.count !== 0) this.#settleQueue(key, false);
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#client.isSlotPending(slot)) this.#client.settleSlot(slot);
  }

  /** Executes what has been issued for a key before and waits for its turn. */
  #settleQueue(key: Key, isChange = true): void {
    this.assertOpen();
    this.#key.encode(key);
    this.#queues.settle(this.#key, isChange);
  }

  /** Whether a read of the encoded key may have to wait for operations of this thread. */
  #mustWait(slot: Slot): boolean {
    return this.#client.isSlotPending(slot) ||
      (this.#queues.count !== 0 && this.#queues.find(this.#key) !== undefined);
  }

  /** Issues a put of the encoded key and value, or has it wait for its turn. */
  #put(
    expiresAtMs: number,
    condition: number,
    version: number,
    completion: Completion,
    mustSync: boolean,
  ): void {
    const { bytes, start, end } = this.#codec;
    const client = this.#client;
    if (this.#queues.count === 0 || this.#queues.find(this.#key) === undefined) {
      client.put(this.#key, this.#codec, expiresAtMs, condition, version, completion, mustSync);
      return;
    }
    // A copy: the codec encodes the next value to the same place. (The slice of a Buffer would be none.)
    const value = { bytes: new Uint8Array(bytes.subarray(start, end)), start: 0, end: end - start };
    this.#queue(completion, value.end, ({ queue, sequence }) => {
      const { key } = queue;
      client.put(key, value, expiresAtMs, condition, version, completion, mustSync, sequence);
    });
  }

  /** The same for a delete. */
  #delete(completion: Completion): void {
    if (this.#queues.count === 0 || this.#queues.find(this.#key) === undefined) {
      this.#client.delete(this.#key, completion);
      return;
    }
    this.#queue(
      completion,
      0,
      (turn) => this.#client.delete(turn.queue.key, completion, turn.sequence),
    );
  }

  #queue(completion: Completion, bytes: number, run: (turn: InstantTurn) => void): void {
    const turn = new InstantTurn(bytes, run, (error) => completion.fail(error as DinomoError));
    this.#queues.add(this.#key, turn);
  }

  /**
   * Has a turn for a key wait behind updates of it, if there are any.
   *
   * @param run issues a request with the turn's sequence, or ends the operation by it
   * @returns whether there are
   */
  protected queueRead(
    key: KeyEncoder,
    run: (turn: InstantTurn) => void,
    fail: (error: unknown) => void,
  ): boolean {
    if (this.#queues.count === 0 || this.#queues.find(key) === undefined) return false;
    this.#queues.add(key, new InstantTurn(0, run, fail));
    return true;
  }

  /** Executes what waits behind updates of an encoded key, for a synchronous read; returns whether there may have been any. */
  protected settleQueue(key: KeyEncoder): boolean {
    if (this.#queues.count === 0) return false;
    this.#queues.settle(key, false);
    return true;
  }

  /** Resolves when all that was issued before for a key can be seen. */
  async #whenReadable(key: Key): Promise<void> {
    this.assertNotFailed();
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    if (this.#queues.count !== 0) await this.#whenTurnComes();
    if (this.#client.isSlotPending(slot)) await this.#client.whenSlotSettled(slot);
  }

  /** Resolves when the operations that wait have been issued for the encoded key. */
  #whenTurnComes(): Promise<void> | undefined {
    return new Promise((resolve, reject) => {
      const run = ({ sequence }: InstantTurn) => {
        this.#client.end(sequence);
        resolve();
      };
      if (!this.queueRead(this.#key, run, reject)) resolve();
    });
  }

  /** Reads a key that was found to be pending, when it is no longer. */
  async #whenSettled<Result>(key: Key, read: () => Result): Promise<Result> {
    const own = ownKey(key);
    // Until it has ended `flush` and `close` wait for it, like for the operations that it waits for.
    const client = this.#client;
    const operation = client.begin();
    try {
      await this.#whenReadable(own);
      this.assertNotFailed();
      this.#key.encode(own);
      return read();
    } finally {
      client.end(operation);
    }
  }

  /** Reads a key, at once if nothing is pending. */
  #readWhenSettled<Result>(key: Key, read: () => Result): Promise<Result> {
    try {
      this.assertOpen();
      const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
      return this.#mustWait(slot) ? this.#whenSettled(key, read) : Promise.resolve(read());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Reads the encoded key. */
  #read(): V | undefined {
    if (this.#cache !== undefined) return this.#cache.read(this.#key)?.value;
    return this.#reader.read(this.#key, true) ? this.#decode() : undefined;
  }

  /** Reads the encoded key with version and expiry time; the value may be one from the cache. */
  #readShared(): Entry<V> | undefined {
    if (this.#cache === undefined) return this.#readEntry(this.#key);
    const record = this.#cache.read(this.#key);
    return record && entryOf(record.value, record.version, record.expiresAtMs);
  }

  /** Begins the read of an update: of a value that is the update's own, and not from the cache. */
  protected beginRead(key: KeyEncoder, wake: () => void): PendingRead<V> {
    const client = this.#client;
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    const read = {
      isSettled: !client.isSlotPending(slot),
      block: () => {
        client.settleSlot(slot);
        read.isSettled = true;
      },
      take: () => {
        this.assertNotFailed();
        return this.#readEntry(key);
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

  #makeUpdated(): UpdatedStore<V> {
    const client = this.#client;
    return {
      beginRead: (key, wake) => this.beginRead(key, wake),
      beginSet: (key, old, value, { expiresAtMs, mustSync }, completion) => {
        this.assertNotFailed();
        this.#codec.encode(value);
        const expiry = expiresAtMs ?? old?.expiresAt ?? Infinity;
        const condition = old === undefined ? Condition.ABSENT : Condition.VERSION;
        const version = old?.version ?? 0;
        client.put(key, this.#codec, expiry, condition, version, completion, mustSync);
      },
      waitFor: (completion) => client.waitFor(completion),
      requeue: (key, turn) => {
        this.assertOpen();
        this.#queues.add(key, turn);
      },
    };
  }

  /** Reads an encoded key from the pool, with version and expiry time. */
  #readEntry(key: KeyEncoder): Entry<V> | undefined {
    if (!this.#reader.read(key, true)) return undefined;
    const { version, expiresAtMs } = this.#reader;
    return entryOf(this.#decode(), version, expiresAtMs);
  }

  #decode(): V {
    const { reader } = this.#parts;
    const value = this.#codec.decode(reader.value, reader.valueBytes);
    this.#garbage.count(reader.valueBytes);
    reader.shrinkScratch();
    return value;
  }

  /** The keys in the index, some of which may have expired. */
  protected async *indexedKeys(options?: IterationOptions): AsyncIterableIterator<Key> {
    for await (const stored of this.#storedKeys(options)) yield keyOf(stored);
  }

  async *#storedKeys(options: IterationOptions = {}): AsyncIterableIterator<StoredKey> {
    const prefix = prefixOf(options);
    await this.flush();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      this.assertOpen();
      yield* this.#reader.collectKeys(slot as Slot, prefix);
    }
  }
}

function entryOf<V>(value: V, version: number, expiresAtMs: number): Entry<V> {
  return expiresAtMs === Infinity ? { value, version } : { value, version, expiresAt: expiresAtMs };
}
