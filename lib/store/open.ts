/**
 * `open`: puts the parts of a store together.
 *
 * @module
 */
import { monotonicMs } from "../core/runtime.ts";
import { MsgpackCodec } from "../codec/msgpack_codec.ts";
import { assert } from "../core/assert.ts";
import { InvalidOptionError } from "../core/errors.ts";
import { LITTLE_ENDIAN } from "../core/key_encoder.ts";
import { DpmProcessors } from "../dpm/dpm_processors.ts";
import type { DpmTask } from "../dpm/dpm_tasks.ts";
import { onThreadExit } from "../core/thread_exit.ts";
import { thisThread } from "../core/thread_identity.ts";
import { ClientWatch } from "../mnode/client_watch.ts";
import { Monitor } from "../mnode/monitor.ts";
import { NodeManager } from "../mnode/node_manager.ts";
import type { RecoveryReport } from "../persistence/frame_replay.ts";
import type { StartedLog } from "../persistence/open_log.ts";
import type { PoolLock } from "../persistence/pool_lock.ts";
import type { RestoredPool } from "../persistence/snapshot_reader.ts";
import { GATE_PROCESSOR_COUNT } from "../pool/control_layout.ts";
import { DURABILITY_FAILURES, DURABILITY_LEVELS } from "../pool/durability.ts";
import { geometryOf } from "../pool/geometry.ts";
import { defaultBacklogBytes, placeFar } from "../pool/placement.ts";
import { Pool } from "../pool/pool.ts";
import { createRingRegion } from "../rings/ring_region.ts";
import { claimClient, HOST_CLIENT, setStoreState, StoreState } from "../routing/client_registry.ts";
import { createStatistics } from "../statistics/statistics_region.ts";
import { codecName, makeClientParts } from "./client_parts.ts";
import { keepMonitor, makeHandle } from "./handle.ts";
import { StoreKeyActuator } from "./key_actuator.ts";
import { Maintenance } from "./maintenance.ts";
import {
  nodeCountMax,
  type OpenOptions,
  type ResolvedOptions,
  resolveOptions,
  sizesOf,
} from "./options.ts";
import { FarStore } from "./far_store.ts";
import { Store, type StoreParts } from "./store.ts";
import { StoreStatistics } from "./store_statistics.ts";

/** Bytes logged after which a checkpoint is due, unless the capacity is small: what recovery has to replay at most. */
const CHECKPOINT_BYTES_MAX = 256 * 1024 * 1024;
/** Share of the capacity that the cache of a far KN takes unless told otherwise. */
const CACHE_SHARE = 0.01;
/** Threads that restore a large pool, at most. */
const RESTORE_THREADS_MAX = 8;

/** A pool, and where it comes from. */
interface OpenedPool {
  readonly pool: Pool;
  /** Number of its last snapshot; 0 without one. */
  readonly number: number;
  /** Absolute; undefined for a pool in memory only. */
  readonly path: string | undefined;
  readonly lock: PoolLock | undefined;
  readonly recovery: RecoveryReport | undefined;
  readonly log: StartedLog | undefined;
}

/** What a pool without a path has of these. */
const IN_MEMORY = {
  number: 0,
  path: undefined,
  lock: undefined,
  recovery: undefined,
  log: undefined,
};

/**
 * Opens a store: allocates the pool, or restores it from the snapshot at `path`, and starts the KNs.
 *
 * @typeParam V the type of the values
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {PoolLockedError} when the pool at `path` is open already, in another process or in this one
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open<{ name: string }>({ capacity: "64MiB" });
 * await store.put("user:1", { name: "Ada" });
 * console.log(await store.get("user:1")); // { name: "Ada" }
 * ```
 */
export function open(
  options: OpenOptions<Uint8Array> & { codec: "binary" },
): Promise<Store<Uint8Array>>;
/** Opens a store with values of type `V`. */
export function open<V = unknown>(options?: OpenOptions<V>): Promise<Store<V>>;
export async function open<V>(options?: OpenOptions<V>): Promise<Store<V>> {
  const resolved = resolveOptions(options);
  assert(LITTLE_ENDIAN, "the processor is little-endian");
  const opened = resolved.path === undefined
    ? { ...IN_MEMORY, pool: createPool(resolved) }
    : await openPath(resolved.path, resolved);
  try {
    return await startStore(resolved, opened);
  } catch (error) {
    opened.log?.file.close();
    // What has failed first is what the caller should know.
    await opened.lock?.release().catch(() => {});
    throw error;
  }
}

/** What does a DPM processor's tasks in this thread, if no other can be started. */
async function loadTasks(): Promise<(task: DpmTask) => unknown> {
  return (await import("../dpm/dpm_tasks.ts")).runDpmTask;
}

async function startStore<V>(resolved: ResolvedOptions<V>, opened: OpenedPool): Promise<Store<V>> {
  const { pool, number, path, lock, recovery, log } = opened;
  const { autoscale } = resolved;
  assertNodesFit("nodes", resolved.nodes, pool.geometry.segmentCount);
  if (autoscale !== undefined) {
    assertNodesFit("autoscale.max", autoscale.settings.max, pool.geometry.segmentCount);
  }
  pool.control[GATE_PROCESSOR_COUNT] = resolved.processorCount;
  const { prefault, dpmThreads, workers, spinMicros, help } = resolved;
  const capacityBytes = pool.geometry.segmentCount * pool.geometry.segmentBytes;
  const { far } = resolved;
  if (far !== undefined) {
    const backlogDefault = defaultBacklogBytes(capacityBytes, pool.geometry.segmentBytes);
    placeFar(pool, far.backlogBytes ?? backlogDefault);
  }
  const dpm: DpmProcessors = new DpmProcessors(pool, {
    workerUrl: workers.dpm,
    threadCount: dpmThreads,
    prefault,
    log: log?.place,
    checkpointBytes: resolved.checkpointBytes ?? Math.min(CHECKPOINT_BYTES_MAX, capacityBytes / 4),
    onCleaningFailed: () => nodes.endCleaning(),
    loadTasks,
  });
  const region = createRingRegion(
    resolved.clients,
    resolved.ringBytes,
    resolved.inFlight,
    far !== undefined,
  );
  const statistics = resolved.statistics || autoscale !== undefined
    ? createStatistics(resolved.clients, resolved.statistics)
    : undefined;
  claimClient(pool, 1, thisThread());
  // KNs may fail before there is a store to tell of it.
  const opening: { store?: Store<V>; statistics?: StoreStatistics } = {};
  const nodes: NodeManager = new NodeManager({
    pool,
    workerUrl: workers.node,
    ringBytes: resolved.ringBytes,
    inFlightMax: resolved.inFlight,
    region,
    spinMicros,
    startsLazily: resolved.startsLazily,
    help,
    log,
    statistics,
    far: far && {
      settings: {
        roundTripMicros: far.roundTripMicros,
        cacheBytes: far.cacheBytes ?? Math.floor(capacityBytes * CACHE_SHARE),
        cachePolicy: far.cachePolicy,
      },
      mergeLogs: () => dpm.mergeLogs(),
    },
    events: {
      onNodeAdded: (node) => {
        opening.statistics?.noteChange();
        opening.store?.emit("nodeadded", { node });
      },
      onNodeRemoved: (node) => {
        opening.statistics?.noteChange();
        opening.store?.emit("noderemoved", { node });
      },
      onNodeFailed: (failure) => opening.store?.emit("nodefailed", failure),
      onNodeRecovered: (recovery) => opening.store?.emit("noderecovered", recovery),
      onSlotsMoved: (report) => opening.store?.emit("slotsmoved", report),
      onThreadless: (failure) => opening.store?.emit("threadfailed", failure),
      onHopeless: (error) => {
        opening.statistics?.stop();
        setStoreState(pool, StoreState.FAILED);
        opening.store?.fail(error);
      },
    },
  });
  const monitor = new Monitor({
    pool,
    nodes,
    clients: new ClientWatch({
      pool,
      region,
      nodes,
      onLost: (client) => opening.store?.emit("clientlost", { client }),
    }),
    dpm,
    now: monotonicMs,
    onDurabilityLost: (failure) =>
      opening.store?.emit("durabilitylost", { failure: DURABILITY_FAILURES[failure]! }),
    onNearlyFull: (liveBytes, liveBytesMax) =>
      opening.store?.emit("poolnearlyfull", { liveBytes, liveBytesMax }),
  });
  const parts = makeClientParts({
    pool,
    clientId: HOST_CLIENT,
    codec: resolved.codec,
    ringOf: (agent) => nodes.ringOf(HOST_CLIENT, agent),
    help,
    spinMicros,
    cacheBytes: resolved.cacheBytes,
    file: log?.file,
    checkpointer: log?.checkpointer,
    statistics,
    onFlush: () => dpm.upkeep(),
    onBlocked: () => monitor.lookWhileBlocked(),
    onPoll: () => {},
    onHandOver: (agent) => nodes.startThread(agent),
  });
  const codec = codecName(resolved.codec);
  const handle = makeHandle({
    pool: pool.handle,
    region,
    codec,
    help,
    spinMicros,
    log: log?.place,
    statistics,
  });
  keepMonitor(handle, monitor);
  await nodes.start(resolved.nodes);
  const storeParts: StoreParts<V> = {
    pool,
    ...parts,
    recovery,
    handle,
    maintenance: (assertWorks) => {
      const maintenance = new Maintenance({
        pool,
        client: parts.client,
        nodes,
        dpm,
        monitor,
        path,
        log,
        lock,
        codecName: codec,
        snapshotNumber: number,
        onClosing: () => opening.statistics?.stop(),
        onClosed: onThreadExit(() => {
          setStoreState(pool, StoreState.ORPHANED);
          // Under `deno --watch` a program is replaced in a process that goes on, and so would its threads.
          nodes.abandon();
          dpm.abandon();
        }),
      }, assertWorks);
      if (statistics !== undefined) {
        opening.statistics = new StoreStatistics({
          pool,
          region: statistics,
          autoscale,
          nodes: maintenance,
          keys: far && new StoreKeyActuator(
            pool,
            (key, ownerCount) => maintenance.replicate(key, ownerCount),
          ),
          onDecision: (decision) => opening.store?.emit("decision", decision),
        });
      }
      return maintenance;
    },
    nodeBounds: autoscale?.settings,
    hostStats: () => ({
      nodesFailed: nodes.failureCount,
      zombies: nodes.zombieCount,
      window: opening.statistics?.window,
    }),
  };
  const { reads } = parts;
  const store = opening.store = reads === undefined
    ? new Store<V>(storeParts)
    : new FarStore<V>({ ...storeParts, reads });
  parts.connector.update(parts.client);
  monitor.start();
  if (parts.codec instanceof MsgpackCodec && (recovery?.damages.length ?? 0) > 0) {
    parts.codec.closeStructures();
  }
  if (resolved.keepAlive) store.keepAlive();
  return store;
}

function createPool<V>(options: ResolvedOptions<V>): Pool {
  const { capacityBytes, segmentBytes } = sizesOf(options);
  const geometry = geometryOf(capacityBytes, segmentBytes);
  assertNodesFit("nodes", options.nodes, geometry.segmentCount);
  const [key0, key1] = crypto.getRandomValues(new Int32Array(2));
  return Pool.create(geometry, [key0!, key1!]);
}

/**
 * Restores the pool at a path, or creates one there. The modules for files and checksums are loaded on demand: they take
 * 10 MiB, which a store without a path need not spend.
 */
async function openPath<V>(
  relativePath: string,
  options: ResolvedOptions<V>,
): Promise<OpenedPool> {
  const { resolve } = await import("node:path");
  const { nodeFileSystem: files } = await import("../persistence/file_system.ts");
  const directory = await import("../persistence/pool_directory.ts");
  const { PoolLock } = await import("../persistence/pool_lock.ts");
  // At the end the library's files may be gone, and then no thread can be started that writes the last snapshot.
  await loadTasks();
  const path = resolve(relativePath);
  // A path or options that are refused leave no directory and no lock behind.
  const isPool = directory.inspectPoolDirectory(files, path);
  const fresh = isPool ? undefined : createPool(options);
  if (!isPool) directory.createPoolDirectory(files, path);
  const lock = await PoolLock.acquire(path);
  try {
    // Again: whoever had it open until now may have written the first snapshot.
    const isRestored = directory.inspectPoolDirectory(files, path);
    const pool = isRestored ? undefined : fresh ?? createPool(options);
    return { ...await readPool(path, pool, options), path, lock };
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
}

/** Restores the pool of a locked directory, unless there is a fresh one, and starts its log. */
async function readPool<V>(
  path: string,
  fresh: Pool | undefined,
  options: ResolvedOptions<V>,
): Promise<Omit<OpenedPool, "path" | "lock">> {
  const { nodeFileSystem: files } = await import("../persistence/file_system.ts");
  const codec = codecName(options.codec);
  const isLogged = options.durability !== "memory";
  let restored: RestoredPool | undefined;
  if (fresh === undefined) {
    const { PoolRestore } = await import("../persistence/snapshot_reader.ts");
    const { restoreInParallel } = await import("../persistence/parallel_restore.ts");
    const restore = new PoolRestore(files, path, { ...options, codec }, { ...options, isLogged });
    await restoreInParallel(restore, {
      workerUrl: options.workers.dpm,
      threadCount: Math.min(options.processorCount, RESTORE_THREADS_MAX),
      onProgress: options.onProgress,
    });
    restored = restore.finish();
  }
  const pool = restored?.pool ?? fresh!;
  const number = restored?.number ?? 0;
  const recovery = restored?.recovery;
  if (!isLogged) return { pool, number, recovery, log: undefined };
  const { startLog } = await import("../persistence/open_log.ts");
  const level = DURABILITY_LEVELS[options.durability];
  const log = startLog(pool, { directory: path, codec }, level, restored);
  return { pool, number, recovery, log };
}

function assertNodesFit(option: string, nodes: number, segmentCount: number): void {
  const max = nodeCountMax(segmentCount);
  if (nodes > max) {
    throw new InvalidOptionError(
      `${option} must be at most ${max} for a pool of ${segmentCount} segments, got ${nodes}`,
    );
  }
}
