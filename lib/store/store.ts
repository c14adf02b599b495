/**
 * The store: what an application holds.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import { collectGone } from "../client/garbage_meter.ts";
import { garbageCollector } from "../platform/garbage_collector.ts";
import type { Key } from "../core/key_encoder.ts";
import { startTimer, type Timer } from "../platform/runtime.ts";
import type { Bytes } from "../core/units.ts";
import type { ScaleReport } from "../mnode/node_manager.ts";
import type { RecoveryReport } from "../persistence/replay_report.ts";
import type { SnapshotReport } from "../persistence/snapshot_writer.ts";
import { abortable, type AbortOptions, ONLY_SIGNAL, untilAborted } from "./arguments/abort.ts";
import { assertOwnerCount, backupPathOf, capacityOf } from "./arguments/arguments.ts";
import {
  assertEventType,
  type StoreEventListener,
  StoreEvents,
  type StoreEventType,
  type StoreListenerOptions,
} from "./parts/events.ts";
import type { StoreHandle } from "./parts/handle.ts";
import { KeyAccess } from "./operations/key_access.ts";
import { StoreLifetime } from "./parts/lifetime.ts";
import type { CompactReport } from "./maintenance/compaction.ts";
import {
  type BackupOptions,
  backupOptionsOf,
  type RestoreOptions,
  restoreOptionsOf,
  type RestoreReport,
} from "./arguments/copy_options.ts";
import type { StoreMaintenance } from "./maintenance/maintenance.ts";
import type { StoreStats } from "./figures/stats.ts";
import { keyTypesOf } from "../core/key_types.ts";
import type { FilledStore } from "./opening/pool_restore.ts";
import { makeOperationParts, type StoreParts } from "./opened_parts.ts";
import type { StoreControls } from "./store_controls.ts";
import type { OperationParts } from "./parts/store_parts.ts";
import { StoreOperations } from "./operations/store_operations.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;

/** The controls of a store. */
export let controlsOf: <V, K extends Key>(store: Store<V, K>) => StoreControls;

/**
 * A key-value store in shared memory. Made by `open`.
 *
 * Operations that change something resolve when every thread sees the change. Operations on one key
 * apply in the order in which they were issued, awaited or not.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export class Store<V, K extends Key = string> extends StoreOperations<V, K> {
  static {
    controlsOf = (store) => store.#controls;
  }

  readonly #controls: StoreControls = {
    keepAlive: () => {
      this.#keepAlive ??= startTimer(() => {}, KEEP_ALIVE_MS, { isRepeated: true });
    },
    emit: (type, detail) => this.#events.emit(type, detail),
    fail: (error) => this.#fail(error),
    isOpen: () => !this.#lifetime.isClosing && !this.#lifetime.hasFailed,
    keyTypes: () =>
      this.#lifetime.isLetGo ? undefined : keyTypesOf(this.#parts.pool.facts.keyTypes),
    readPicture: () => this.#lifetime.isLetGo ? undefined : this.#parts.pool.readPicture(),
  };
  // What leads to the pool is let go at the end: it is used when the store is known to be open.
  #parts: StoreParts<V>;
  #used: OperationParts<V>;
  #maintenance: StoreMaintenance;
  readonly #access: KeyAccess<V>;
  readonly #lifetime: StoreLifetime;
  readonly #recovery: RecoveryReport | undefined;
  readonly #events = new StoreEvents(this);
  #keepAlive: Timer | undefined;
  #closed: Promise<void> | undefined;

  /** Used by `open` and `attach` only. */
  constructor(parts: StoreParts<V>) {
    const lifetime = new StoreLifetime(parts.pool);
    const maintenance = parts.maintenance(() => lifetime.assertNotFailed());
    const used = makeOperationParts(parts, lifetime);
    const access = new KeyAccess(used, parts.pool.makeReads(used));
    super(access);
    this.#access = access;
    this.#lifetime = lifetime;
    this.#used = used;
    this.#parts = parts;
    this.#maintenance = maintenance;
    this.#recovery = parts.recovery;
  }

  /**
   * What was found at `path` behind the last checkpoint; undefined for a new pool, and without a
   * path.
   */
  get recovery(): RecoveryReport | undefined {
    return this.#recovery;
  }

  /** Whether the store was opened with `readOnly`, and refuses every change. */
  get readOnly(): boolean {
    return this.#lifetime.isReadOnly;
  }

  /** Number of KNs. */
  get nodes(): number {
    if (this.#lifetime.isLetGo) return 0;
    return this.#parts.pool.nodeCount;
  }

  /**
   * Changes the number of KNs while operations go on. No data is copied.
   *
   * @param nodes from 1 to 64, and no more than the pool has segments for; with the option
   *   `autoscale` from its `min` to its `max`, and nothing is decided about the number of KNs until
   *   its grace period has passed
   * @param options with a `signal` that is aborted before it has begun, nothing changes; otherwise
   *   it goes on, as far as that can be seen by `nodes`
   */
  scale(nodes: number, options?: AbortOptions): Promise<ScaleReport> {
    return abortable(options, async () => {
      const maintenance = this.#maintain();
      this.#parts.pool.assertNodeCount(nodes, this.#parts.nodeBounds);
      return await maintenance.scale(nodes, options?.signal);
    }, ONLY_SIGNAL);
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
  async replicate(key: K, owners: number): Promise<void> {
    const maintenance = this.#maintain();
    const encoder = this.#parts.pool.encodeReplicable(key);
    assertOwnerCount(owners, this.nodes);
    await maintenance.replicate(encoder, owners);
  }

  /**
   * Writes everything acknowledged so far to the files at `path`, as of one moment.
   *
   * @param options with a `signal` that is aborted before it has begun, nothing is written;
   *   otherwise it is written to its end all the same
   * @throws {InvalidArgumentError} when the store was opened without a path
   * @throws {SnapshotError} when a file operation fails; the previous snapshot is still valid then
   */
  snapshot(options?: AbortOptions): Promise<SnapshotReport> {
    return abortable(options, async () => {
      this.#lifetime.assertWritable("snapshot");
      return await this.#maintenance.snapshot(options?.signal);
    }, ONLY_SIGNAL);
  }

  /**
   * Writes a copy of the store into another directory, while operations go on. It can be opened
   * like any pool. Of a store of one machine it is as of one moment; of a cluster each key is as it
   * was at some moment of the call, under a new version.
   *
   * @param directory is created if it does not exist, and must be empty
   * @param options with a `signal` that is aborted before files are written, none is; otherwise
   *   they are written to the end all the same
   * @throws {PathError} when the directory cannot be used
   * @throws {SnapshotError} when a file operation fails
   * @throws {UnavailableError} of a cluster, when some keys have had no owner for 30 seconds
   * @throws {PoolFullError} of a cluster that has more than a pool of one machine can have
   */
  async backup(directory: string | URL, options?: BackupOptions): Promise<SnapshotReport> {
    const { signal, onProgress } = backupOptionsOf(options);
    return await untilAborted(signal, async () => {
      const path = backupPathOf(directory);
      const report = await this.#maintain().backup(path, signal, onProgress);
      onProgress?.(1);
      return report;
    });
  }

  /**
   * Puts the keys of a pool, such as a backup, into this store, with their values and expiry times,
   * under new versions. Keys that the store has, or gets meanwhile, stay as they are. So it can be
   * repeated, with `merge`, if it was interrupted; a key that was deleted since comes back then.
   *
   * @param directory of a pool that no store has open; it is read into memory, and does not change
   * @throws {InvalidArgumentError} when the store has keys, without `merge`
   * @throws {PathError} when there is no pool that can be read
   * @throws {PoolLockedError} when a store has it open
   * @throws {CorruptionError} when it is damaged
   * @throws {InvalidValueError} when the store cannot hold one of the keys, which is named
   *
   * @example
   * ```ts
   * import { mkdtempSync } from "node:fs";
   * import { tmpdir } from "node:os";
   * import { join } from "node:path";
   * import { open } from "dinomo";
   *
   * const directory = join(mkdtempSync(join(tmpdir(), "dinomo-")), "copy");
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.put("answer", 42);
   * await store.backup(directory);
   * await store.clear();
   * console.log((await store.restore(directory)).restored); // 1
   * ```
   */
  async restore(directory: string | URL, options?: RestoreOptions): Promise<RestoreReport> {
    const given = restoreOptionsOf(options);
    return await untilAborted(given.signal, async () => {
      const path = backupPathOf(directory);
      this.#lifetime.assertWritable("restore");
      const { restorePool } = await import("./opening/pool_restore.ts");
      return await restorePool(this as unknown as FilledStore, this.#used.codec, path, given);
    });
  }

  /**
   * Gives back what the store does not need any more, while operations go on: moves live records to
   * the start of the pool, writes a snapshot if there is a path, which makes its files shorter, and
   * gives the memory of free segments back to the operating system, where the runtime lets it: on
   * Linux, in Bun, and in Deno with `--allow-ffi`. A store does that by itself when much less is
   * live than it occupies; it writes no snapshot then at the durability `"memory"`.
   *
   * @throws {HostOnlyError} in a thread that has attached
   * @throws {SnapshotError} when a file operation fails
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<string>({ capacity: "64MiB" });
   * for (let i = 0; i < 1000; i++) await store.put(`key ${i}`, "x".repeat(1000));
   * await store.clear();
   * const { memoryBytes, fileBytes } = await store.compact();
   * // About a million on Bun, and 0, as there is no file.
   * console.log(memoryBytes, fileBytes);
   * ```
   */
  async compact(): Promise<CompactReport> {
    return await this.#maintain().compact();
  }

  /**
   * Gives the store a larger capacity, while operations go on: puts for which there was no space
   * find it when this resolves. The next opening without `capacity` has it as well; with the
   * durability `"memory"` if a snapshot has been written by then.
   *
   * What it may grow to is `stats().capacityBytesMax`, for which address space was reserved when
   * the store was opened: see the option `capacityMax`. A store gets smaller by being opened with
   * less `capacity`.
   *
   * @param capacity what the store is to have in all; rounded down to whole segments
   * @returns the new capacity in bytes
   * @throws {InvalidArgumentError} when it is no size, less than the store has, or more than it may
   *   grow to
   * @throws {HostOnlyError} in a thread that has attached
   * @throws {SnapshotError} when a file operation fails
   * @throws {DurabilityError} when durability is lost
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<string>({ capacity: "64MiB" });
   * store.addEventListener("poolnearlyfull", () => void store.grow("128MiB"));
   * console.log(await store.grow("96MiB")); // 100663296
   * ```
   */
  async grow(capacity: Bytes): Promise<number> {
    this.#lifetime.assertWritable("grow");
    return await this.#maintenance.grow(capacityOf(capacity));
  }

  /**
   * Resolves when every operation issued so far by this thread has ended and, if the store logs its
   * writes, has been synced: it survives power loss.
   *
   * @throws {DurabilityError} when durability is lost
   */
  flush(): Promise<void> {
    return flushAll(this.#lifetime, this.#used, this.#maintenance);
  }

  /**
   * What another thread needs to use the store: send it there by `postMessage` or `workerData`, and
   * give it to `attach`. It can be sent on from there.
   */
  share(): StoreHandle<V, K> {
    this.#lifetime.assertOpen();
    return this.#parts.pool.share() as StoreHandle<V, K>;
  }

  /**
   * Calls a listener when something happens to the store: KNs come, go, fail and are replaced,
   * durability is lost, the pool fills up. Events are those of the thread that opened the store; in
   * an attached one there are none.
   *
   * @param type one of the names in {@linkcode StoreEventDetails}
   * @throws {InvalidArgumentError} when there are no events of that type
   */
  addEventListener<Type extends StoreEventType>(
    type: Type,
    listener: StoreEventListener<Type>,
    options?: StoreListenerOptions,
  ): void {
    assertEventType(type);
    this.#events.target.addEventListener(type, listener as (event: Event) => void, {
      once: options?.once ?? false,
      ...(options?.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** Takes a listener back. */
  removeEventListener<Type extends StoreEventType>(
    type: Type,
    listener: StoreEventListener<Type>,
  ): void {
    this.#events.target.removeEventListener(type, listener as (event: Event) => void);
  }

  /**
   * Figures about the store.
   *
   * @throws {HostOnlyError} with `processes` in a process that does not have the pool: {@linkcode
   *   readStats} asks the one that has
   */
  stats(): StoreStats {
    this.#lifetime.assertOpen();
    const { pool, client } = this.#parts;
    return pool.stats(client.pendingCount);
  }

  /**
   * Figures about the store, wherever its pool is: those that the thread has which opened it,
   * except for `pending`, which is this thread's.
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.put("answer", 42);
   * console.log((await store.readStats()).count); // 1
   * ```
   */
  async readStats(): Promise<StoreStats> {
    this.#lifetime.assertOpen();
    const { pool, client } = this.#parts;
    return await pool.readStats(client.pendingCount);
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
        const { goneBytes } = this.#parts.pool;
        this.#letGo();
        if (goneBytes > 0) collectGone(goneBytes, garbageCollector);
      });
    this.#lifetime.beginClosing();
    this.#used.watches.end();
    return this.#closed;
  }

  /**
   * Lets go of all that leads to the pool: an application may keep a store that is closed, and the
   * pool's memory is given back only when nothing in any thread refers to a buffer.
   */
  #letGo(): void {
    this.#lifetime.letGo();
    this.#access.letGo();
    this.#used.watches.letGo();
    this.#parts.pool.letGo();
    this.#parts = this.#used = this.#maintenance = undefined as never;
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #fail(error: DinomoError): void {
    this.#lifetime.fail(error);
    if (this.#lifetime.isLetGo) return;
    this.#used.client.failAll(error);
    this.#used.queues.failAll(error);
    this.#used.watches.end();
  }

  /** Maintenance of a store that is open. */
  #maintain(): StoreMaintenance {
    this.#lifetime.assertOpen();
    return this.#maintenance;
  }
}

/** Resolves when what one thread has issued so far has ended, and is synced. */
async function flushAll<V>(
  lifetime: StoreLifetime,
  used: OperationParts<V>,
  maintenance: StoreMaintenance,
): Promise<void> {
  lifetime.assertOpen();
  await used.client.whenIssuedEnded();
  await maintenance.sync();
}
