/**
 * The store: what an application holds.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import { garbageCollector } from "../core/garbage_collector.ts";
import type { Key } from "../core/key_encoder.ts";
import { startTimer, type Timer } from "../core/runtime.ts";
import type { ScaleReport } from "../mnode/node_manager.ts";
import type { RecoveryReport } from "../persistence/frame_replay.ts";
import type { SnapshotReport } from "../persistence/snapshot_writer.ts";
import { activeNodes } from "../routing/node_directory.ts";
import {
  assertNodeCount,
  assertOwnerCount,
  backupPathOf,
  encodeReplicable,
  type IterationOptions,
  type PutOptions,
  type ReadOptions,
} from "./arguments.ts";
import type { Entry } from "./entry.ts";
import {
  type StoreEventDetails,
  type StoreEventListener,
  StoreEvents,
  type StoreEventType,
  type StoreListenerOptions,
} from "./events.ts";
import type { StoreHandle } from "./handle.ts";
import { StoreLifetime } from "./lifetime.ts";
import type { StoreMaintenance } from "./maintenance.ts";
import { NearReads } from "./near_reads.ts";
import type { StoreReads } from "./reads.ts";
import { ATTACHED_STATS, gatherStats, type StoreStats } from "./stats.ts";
import { makeOperationParts, type OperationParts, type StoreParts } from "./store_parts.ts";
import { StoreWrites } from "./writes.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;

/**
 * A key-value store in shared memory. Made by `open`.
 *
 * Operations that change something resolve when every thread sees the change. Operations on one key
 * apply in the order in which they were issued, awaited or not.
 *
 * @typeParam V the type of the values
 */
export class Store<V> {
  // What leads to the pool is let go at the end: it is used when the store is known to be open.
  #parts: StoreParts<V>;
  #used: OperationParts<V>;
  #maintenance: StoreMaintenance;
  readonly #reads: StoreReads<V>;
  readonly #writes: StoreWrites<V>;
  readonly #lifetime: StoreLifetime;
  readonly #recovery: RecoveryReport | undefined;
  readonly #events = new StoreEvents();
  #keepAlive: Timer | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Used by `open` and `attach` only.
   *
   * @param makeReads makes what reads the pool, unless this thread does
   */
  constructor(parts: StoreParts<V>, makeReads?: (parts: OperationParts<V>) => StoreReads<V>) {
    const lifetime = this.#lifetime = new StoreLifetime(parts.pool);
    const used = this.#used = makeOperationParts(parts, lifetime, () => this.flush());
    this.#parts = parts;
    this.#maintenance = parts.maintenance(() => lifetime.assertNotFailed());
    this.#reads = makeReads?.(used) ?? new NearReads(used);
    this.#writes = new StoreWrites(used, this.#reads);
    this.#recovery = parts.recovery;
  }

  /**
   * Reads a value. With the option `cache` it is shared with other callers, and deeply frozen.
   *
   * @returns the value, or undefined if the key does not exist
   */
  get(key: Key): Promise<V | undefined> {
    return this.#reads.get(key);
  }

  /**
   * Reads a value at once: no other thread takes part. If operations that this thread has issued
   * for the key before are still on their way, it blocks until they have ended, and calls the
   * `change` functions of updates among them.
   */
  getSync(key: Key): V | undefined {
    return this.#reads.getSync(key);
  }

  /**
   * Reads many values, in the order of the keys.
   *
   * @throws {DecodeError} for a value that cannot be decoded, unless `onDecodeError` is given: then
   *   that is called, and undefined stands for the value
   */
  getMany(keys: Iterable<Key>, options?: ReadOptions): Promise<(V | undefined)[]> {
    return this.#reads.getMany(keys, options);
  }

  /** Reads a value together with its version and expiry time. */
  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#reads.getEntry(key);
  }

  /** Reads a value together with its version and expiry time, at once. */
  getEntrySync(key: Key): Entry<V> | undefined {
    return this.#reads.getEntrySync(key);
  }

  /** Whether a key exists. */
  has(key: Key): Promise<boolean> {
    return this.#reads.has(key);
  }

  /** Whether a key exists, at once. */
  hasSync(key: Key): boolean {
    return this.#reads.hasSync(key);
  }

  /** Stores a value. Without `ttl` the key does not expire, whatever it did before. */
  put(key: Key, value: V, options?: PutOptions): Promise<void> {
    return this.#writes.put(key, value, options);
  }

  /** Stores a value before it returns, without a turn of the event loop. */
  putSync(key: Key, value: V, options?: PutOptions): void {
    this.#writes.putSync(key, value, options);
  }

  /**
   * Stores many values. Not atomic as a whole: other threads may see some of them before the
   * others. When an entry is refused, the entries before it are stored and those after it are not;
   * when one finds no space, the others are stored all the same.
   */
  putMany(entries: Iterable<readonly [Key, V]>, options?: PutOptions): Promise<void> {
    return this.#writes.putMany(entries, options);
  }

  /** Deletes a key; resolves to whether it existed. */
  delete(key: Key): Promise<boolean> {
    return this.#writes.delete(key);
  }

  /** Deletes a key before it returns; returns whether it existed. */
  deleteSync(key: Key): boolean {
    return this.#writes.deleteSync(key);
  }

  /**
   * Deletes many keys; resolves to how many existed. A key that is refused leaves those after it
   * alone.
   */
  deleteMany(keys: Iterable<Key>): Promise<number> {
    return this.#writes.deleteMany(keys);
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
    return this.#writes.compareAndSet(key, version, value, options);
  }

  /**
   * Changes a value atomically: reads it, calls `change`, stores the result if the key has not
   * changed meanwhile, and starts over if it has. `change` may therefore run several times. The
   * key's expiry time stays unless `ttl` is given.
   *
   * Like any operation it is issued when it is called: what was issued before for the key applies
   * before, and what is issued later, later. `change` is called when its turn has come, at the next
   * tick at the earliest, or by a synchronous operation on the key.
   *
   * If `change` returns a promise that is not settled when the event loop has turned, or when a
   * synchronous operation on the key has to wait for it, the update lets go of its place: what is
   * issued meanwhile for the key applies before it, and `flush` and `close` do not wait for it. It
   * is issued again when the promise is fulfilled.
   *
   * @param change gets the value, or undefined if the key does not exist; what it returns, or
   *   resolves to, is stored
   * @returns the value that was stored
   * @throws {ReentrantCallError} when `change` changes its own key each time that it is called
   */
  update(
    key: Key,
    change: (old: V | undefined) => V | Promise<V>,
    options?: PutOptions,
  ): Promise<V> {
    return this.#writes.update(key, change, options);
  }

  /**
   * Adds to a number atomically. A key that does not exist counts as 0.
   *
   * @param by what to add, a finite number; 1 if left out
   * @returns the new value
   * @throws {NotANumberError} when the stored value is not a number, or would not stay finite
   */
  increment(key: Key, by = 1): Promise<number> {
    return this.#writes.increment(key, by);
  }

  /**
   * Iterates over keys and values, in no particular order. Every key that exists from beginning to
   * end is seen exactly once; keys that come or go meanwhile may be seen or not. The value is the
   * one at the moment it is yielded.
   *
   * @throws {DecodeError} for a value that cannot be decoded, unless `onDecodeError` is given: then
   *   that is called, and the value left out
   */
  entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    return this.#reads.entries(options);
  }

  /** Iterates over keys, like {@linkcode entries}. */
  keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    return this.#reads.keys(options);
  }

  /** Iterates over values, like {@linkcode entries}. */
  async *values(options?: IterationOptions): AsyncIterableIterator<V> {
    for await (const [, value] of this.entries(options)) yield value;
  }

  /**
   * Number of keys, those included that have expired within the last second but were not removed
   * yet.
   */
  get count(): number {
    return this.#reads.count();
  }

  /** Deletes all keys. Not atomic as a whole: keys that are put meanwhile may stay. */
  clear(): Promise<void> {
    return this.#writes.clear();
  }

  /**
   * What was found at `path` behind the last checkpoint; undefined for a new pool, and without a
   * path.
   */
  get recovery(): RecoveryReport | undefined {
    return this.#recovery;
  }

  /** Number of KNs. */
  get nodes(): number {
    if (this.#lifetime.isLetGo) return 0;
    return activeNodes(this.#parts.pool).length;
  }

  /**
   * Changes the number of KNs while operations go on. No data is copied.
   *
   * @param nodes from 1 to 64, and no more than the pool has segments for; with the option
   *   `autoscale` from its `min` to its `max`, and nothing is decided about the number of KNs until
   *   its grace period has passed
   */
  async scale(nodes: number): Promise<ScaleReport> {
    const maintenance = this.#maintain();
    assertNodeCount(nodes, this.#parts.nodeBounds, this.#parts.pool.geometry.segmentCount);
    return await maintenance.scale(nodes);
  }

  /**
   * Has a key owned by several KNs of a far pool, which share its reads and writes: for a key that
   * is used so much that it keeps one KN busy (selective replication). With 1 it is owned by one KN
   * again.
   *
   * The key need not exist. It is read and written as before: operations on it are linearizable,
   * and those of one thread apply in the order in which they were issued. As long as a thread has
   * any of the key in flight, it sends the next to the same KN; so what is shared are the
   * operations of several threads, and those that a thread awaits one by one. Up to 64 keys can be
   * replicated at one time. When KNs come, go or fail, others take their places, as far as there
   * are any. It is forgotten when the store is closed.
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
    const encoder = encodeReplicable(key, this.#parts.pool);
    assertOwnerCount(owners, this.nodes);
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
   * Writes a copy of the store, as of one moment, into another directory, while operations go on.
   * It can be opened like any pool.
   *
   * @param directory is created if it does not exist, and must be empty
   * @throws {PathError} when the directory cannot be used
   * @throws {SnapshotError} when a file operation fails
   */
  async backup(directory: string | URL): Promise<SnapshotReport> {
    const path = backupPathOf(directory);
    return await this.#maintain().backup(path);
  }

  /**
   * Resolves when every operation issued so far by this thread has ended and, if the store logs its
   * writes, has been synced: it survives power loss.
   *
   * @throws {DurabilityError} when durability is lost
   */
  async flush(): Promise<void> {
    const maintenance = this.#maintain();
    await this.#used.client.whenIssuedEnded();
    await maintenance.sync();
  }

  /**
   * What another thread needs to use the store: send it there by `postMessage` or `workerData`, and
   * give it to `attach`. It can be sent on from there.
   */
  share(): StoreHandle {
    this.#lifetime.assertOpen();
    return this.#parts.handle;
  }

  /**
   * Calls a listener when something happens to the store: KNs come, go, fail and are replaced,
   * durability is lost, the pool fills up. Events are those of the thread that opened the store; in
   * an attached one there are none.
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
    this.#lifetime.assertOpen();
    const { pool, client, reader, cache, hostStats } = this.#parts;
    return {
      count: this.#used.indexedKeys.count(),
      ...gatherStats(pool, activeNodes(pool)),
      ...(hostStats?.() ?? ATTACHED_STATS),
      readRetries: reader.retryCount,
      pending: client.pendingCount,
      cache: cache?.stats(),
    };
  }

  /**
   * Closes the store: waits for pending operations, writes a snapshot if there is a path, ends all
   * threads. Operations that are issued afterwards are refused, also in threads that have attached.
   * In one of those it ends that thread's part in the store. A second call returns the same
   * promise.
   */
  close(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    this.#closed = this.#maintenance.close(() => this.#lifetime.hasFailed)
      .finally(() => {
        this.#keepAlive?.stop();
        const isHost = this.#parts.hostStats !== undefined;
        this.#letGo();
        // The buffers of a pool that is gone would count until something else collects.
        if (isHost) garbageCollector?.collect();
      });
    this.#lifetime.beginClosing();
    return this.#closed;
  }

  /**
   * Lets go of all that leads to the pool: an application may keep a store that is closed, and the
   * pool's memory is given back only when nothing in any thread refers to a buffer.
   */
  #letGo(): void {
    this.#lifetime.letGo();
    this.#reads.letGo();
    this.#writes.letGo();
    this.#used.indexedKeys.letGo();
    this.#parts = this.#used = this.#maintenance = undefined as never;
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
    this.#lifetime.fail(error);
    if (this.#lifetime.isLetGo) return;
    this.#used.client.failAll(error);
    this.#used.queues.failAll(error);
  }

  /** Maintenance of a store that is open. */
  #maintain(): StoreMaintenance {
    this.#lifetime.assertOpen();
    return this.#maintenance;
  }
}
