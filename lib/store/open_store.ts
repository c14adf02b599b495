/**
 * Puts the parts of a store together. Loaded by the first `open`.
 *
 * @module
 */
import { monotonicMs, startTimer, type Timer } from "../platform/runtime.ts";
import { MsgpackCodec } from "../codec/msgpack_codec.ts";
import { assert } from "../core/assert.ts";
import { NodeFailedError } from "../core/errors.ts";
import { type Key, LITTLE_ENDIAN } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";
import { DpmProcessors } from "../dpm/dpm_processors.ts";
import type { DpmTask } from "../dpm/dpm_tasks.ts";
import { onThreadExit } from "../platform/thread_exit.ts";
import { thisThread } from "../platform/thread_identity.ts";
import { OwnWorker } from "../platform/worker_loader.ts";
import { recountKeys } from "../index/key_count.ts";
import type { LiveServer } from "../live/live_server.ts";
import { ClientWatch } from "../mnode/client_watch.ts";
import { Monitor } from "../mnode/monitor.ts";
import { NodeManager } from "../mnode/node_manager.ts";
import { GATE_PROCESSOR_COUNT } from "../pool/control_layout.ts";
import { DURABILITY_FAILURES } from "../pool/durability.ts";
import { defaultBacklogBytes, placeFar } from "../pool/placement.ts";
import { createRingRegion } from "../rings/ring_region.ts";
import { claimClient, HOST_CLIENT, setStoreState, StoreState } from "../routing/client_registry.ts";
import { createLeases } from "../routing/load_leases.ts";
import { createStatistics } from "../statistics/statistics_region.ts";
import { makeCache } from "./opening/cache_pool.ts";
import { codecName, makeClientParts } from "./opening/client_parts.ts";
import { keepMonitor, makeHandle } from "./parts/handle.ts";
import { LocalPool } from "./local_pool.ts";
import { Maintenance } from "./maintenance/maintenance.ts";
import { openTelling, orderingPart, restoringPart } from "./opening/opening_progress.ts";
import {
  assertNodesFit,
  createPool,
  type OpenedPool,
  openPath,
  openPathToRead,
  openPathWhenFree,
  prepareStandby,
} from "./opening/open_path.ts";
import type { OpenOptions } from "./options/options.ts";
import { type ResolvedOptions, resolveOptions } from "./options/resolved_options.ts";
import { findOrOpen, openedWithOf } from "./opening/reused_stores.ts";
import { controlsOf, Store } from "./store.ts";
import type { StoreControls } from "./store_controls.ts";
import type { StoreParts } from "./opened_parts.ts";
import type { Standby } from "./opening/standby.ts";
import { admit, assertMayListenAt, type Gateway, type ReadyHost, serve } from "./store_sockets.ts";
import type { StoreStatistics } from "./maintenance/store_statistics.ts";

/** Share of the capacity that the cache of a far KN takes unless told otherwise. */
const CACHE_SHARE = 0.01;

/** How soon after `open` this thread has what does a DPM processor's tasks. */
const LOAD_TASKS_MS = 10;

/** What a pool without a path has of these. */
const IN_MEMORY = {
  number: 0,
  path: undefined,
  lock: undefined,
  source: undefined,
  recovery: undefined,
  log: undefined,
};

/** Opens a store, as `open` says. */
export async function openStore<V, K extends Key>(
  options?: OpenOptions<V, KeyTypes>,
): Promise<Store<V, K>> {
  const resolved = resolveOptions(options);
  if (resolved.cluster !== undefined) {
    const { openCluster } = await import("../cluster/store/open_cluster.ts");
    const { keys, codec, workers, cluster } = resolved;
    return await openCluster<V, K>(
      resolved,
      cluster,
      (options) => openHere<V, Key>({ ...resolveOptions(options), keys, codec, workers }),
    );
  }
  if (!resolved.reuse) return await openAnew<V, K>(resolved);
  const { resolve } = await import("node:path");
  return await findOrOpen<Store<V, K>>(resolve(resolved.path!), openedWithOf(resolved), {
    open: () => openAnew<V, K>(resolved),
    isOpen: (store) => controlsOf(store).isOpen(),
    close: (store) => store.close(),
  });
}

/** Opens a store that is not open in this thread, or not to be found. */
async function openAnew<V, K extends Key>(resolved: ResolvedOptions<V>): Promise<Store<V, K>> {
  if (!resolved.processes) return await openHere<V, K>(resolved);
  // A process that asks another one does without what opens pools.
  const { openShared } = await import("../remote/open_shared.ts");
  // Of what becomes of the pool later no call is told, which could fail by it.
  const asItIs = { ...resolved, capacityBytes: undefined, onProgress: undefined };
  return await openShared<V, K>(resolved, {
    openHere: () => openHere<V, K>(resolved),
    takeOver: (ready) => openHere<V, K>(asItIs, ready),
    prepareStandby: () => prepareStandby(resolved.path!, asItIs),
  });
}

/**
 * Opens a store whose pool is in this process.
 *
 * @param ready what has been prepared for it
 */
async function openHere<V, K extends Key>(
  resolved: ResolvedOptions<V>,
  ready?: ReadyHost,
): Promise<Store<V, K>> {
  if (resolved.inspect !== undefined) await assertMayListenAt(resolved.path!, "INSPECTED");
  if (resolved.processes) await assertMayListenAt(resolved.path!, "GATEWAY");
  await prepareThreads(resolved);
  assert(LITTLE_ENDIAN, "the processor is little-endian");
  const opened = await openPool(resolved, ready?.standby);
  try {
    return await startStore<V, K>(resolved, opened, ready?.gateway);
  } catch (error) {
    opened.log?.file.close();
    // What has failed first is what the caller should know.
    await opened.lock?.release().catch(() => {});
    throw error;
  }
}

async function openPool<V>(
  resolved: ResolvedOptions<V>,
  ahead: Standby | undefined,
): Promise<OpenedPool> {
  const { path, readOnly, standby, processes } = resolved;
  if (path === undefined) return { ...IN_MEMORY, pool: createPool(resolved) };
  return await openTelling(restoringPart(resolved), async (onProgress) => {
    const options = { ...resolved, onProgress };
    if (readOnly) return await openPathToRead(path, options);
    // Where several processes use the pool, those that do not have it open do not wait for it.
    const waits = standby !== undefined && !processes;
    if (waits) return await openPathWhenFree(path, options, standby);
    return await openPath(path, options, {}, ahead);
  });
}

/**
 * Loads what threads are started from, where it is no file.
 *
 * @throws {NodeFailedError} when there is nothing to start them from
 */
async function prepareThreads(
  { workers, processes }: ResolvedOptions<unknown>,
): Promise<void> {
  try {
    const gateway = processes ? [workers.gateway] : [];
    for (const code of [workers.node, workers.dpm, ...gateway]) {
      if (code instanceof OwnWorker) await code.prepare();
    }
  } catch (cause) {
    throw new NodeFailedError(`no KN can be started: ${String(cause)}`, { cause });
  }
}

/** What does a DPM processor's tasks in this thread, if no other can be started. */
async function loadTasks(): Promise<(task: DpmTask) => unknown> {
  return (await import("../dpm/dpm_tasks.ts")).performTask;
}

async function startStore<V, K extends Key>(
  resolved: ResolvedOptions<V>,
  opened: OpenedPool,
  idle: ReadyHost["gateway"] | undefined,
): Promise<Store<V, K>> {
  const { pool, number, lock, source, recovery, log } = opened;
  const { autoscale } = resolved;
  assertNodesFit("nodes", resolved.nodes, pool.segmentLimit);
  if (autoscale !== undefined) {
    assertNodesFit("autoscale.max", autoscale.settings.max, pool.segmentLimit);
  }
  pool.control[GATE_PROCESSOR_COUNT] = resolved.processorCount;
  const { prefault, dpmThreads, workers, spinMicros, help } = resolved;
  const { capacityBytes } = pool;
  if (resolved.evictedEntriesMax !== undefined) makeCache(pool, resolved.evictedEntriesMax);
  const { far } = resolved;
  if (far !== undefined) {
    const backlogDefault = defaultBacklogBytes(capacityBytes, pool.geometry.segmentBytes);
    placeFar(pool, far.backlogBytes ?? backlogDefault);
  }
  if (resolved.ordered) {
    const { orderPool } = await import("./opening/ordered_pool.ts");
    await orderPool(pool, orderingPart(resolved.onProgress));
  }
  const dpm: DpmProcessors = new DpmProcessors(pool, {
    workerCode: workers.dpm,
    threadCount: dpmThreads,
    prefault,
    log: log?.place,
    checkpointBytes: resolved.checkpointBytes,
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
  // What only some stores have is loaded for those alone.
  const collecting = statistics && await import("./maintenance/store_statistics.ts");
  const farParts = far && await import("../far/mnode/far_parts.ts");
  const actuating = far && await import("./maintenance/key_actuator.ts");
  const reading = far && await import("../far/store/make_far_reads.ts");
  claimClient(pool, 1, thisThread());
  const leases = createLeases();
  // KNs may fail before there is a store to tell of it.
  const opening: {
    store?: StoreControls;
    live?: LiveServer;
    gateway?: Gateway;
    statistics?: StoreStatistics;
    maintenance?: Maintenance;
    loading?: Timer;
  } = {};
  const nodes: NodeManager = new NodeManager({
    pool,
    workerCode: workers.node,
    ringBytes: resolved.ringBytes,
    inFlightMax: resolved.inFlight,
    region,
    spinMicros,
    startsLazily: resolved.startsLazily,
    help,
    log,
    statistics,
    far: far && {
      parts: farParts!,
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
    onSparse: () => opening.maintenance?.compactUnasked(),
  });
  const parts = await makeClientParts({
    pool,
    clientId: HOST_CLIENT,
    leases,
    codec: resolved.codec,
    ringOf: (agent) => nodes.ringOf(HOST_CLIENT, agent),
    help,
    spinMicros,
    cacheBytes: resolved.cacheBytes,
    file: log?.file,
    checkpointer: log?.checkpointer,
    statistics,
    onFlush: () => {
      dpm.upkeep();
      monitor.lookAfterFlush();
    },
    onBlocked: () => monitor.lookWhileBlocked(),
    onPoll: () => {},
    onHandOver: (agent) => nodes.startThread(agent),
    onHelpFailed: (agent, error) => nodes.noteHelpFailure(agent, error),
  });
  const codec = codecName(resolved.codec);
  const handle = makeHandle({
    pool: pool.handle,
    region,
    leases,
    codec,
    help,
    spinMicros,
    log: log?.place,
    statistics,
  });
  keepMonitor(handle, monitor);
  // A new pool has none, and nobody has touched its slots.
  if (recovery !== undefined) recountKeys(pool);
  await nodes.start(resolved.nodes);
  const { reads, reader, clientId, cache } = parts;
  const storeParts: StoreParts<V> = {
    ...parts,
    pool: new LocalPool({
      pool,
      reader,
      clientId,
      cache,
      handle,
      makeReads: reads && reading!.makeFarReads(reads),
      hostStats: () => ({
        nodesFailed: nodes.failureCount,
        zombies: nodes.zombieCount,
        window: opening.statistics?.window,
      }),
    }),
    recovery,
    maintenance: (assertWorks) => {
      const maintenance = opening.maintenance = new Maintenance({
        pool,
        client: parts.client,
        nodes,
        dpm,
        monitor,
        // A store that is read only writes nothing there.
        path: resolved.readOnly ? undefined : opened.path,
        log,
        lock,
        source,
        codecName: codec,
        snapshotNumber: number,
        onClosing: async () => {
          opening.loading?.stop();
          opening.statistics?.stop();
          // Under the pool's lock, which its next owner needs before it makes a socket there.
          await opening.live?.close();
          await opening.gateway?.close();
        },
        onClosed: onThreadExit(() => {
          setStoreState(pool, StoreState.ORPHANED);
          // Under `deno --watch` a program is replaced in a process that goes on, and so would its
          // threads.
          nodes.abandon();
          dpm.abandon();
        }),
      }, assertWorks);
      if (statistics !== undefined) {
        opening.statistics = new collecting!.StoreStatistics({
          pool,
          region: statistics,
          autoscale,
          nodes: maintenance,
          keys: actuating && new actuating.StoreKeyActuator(
            pool,
            (key, ownerCount) => maintenance.replicate(key, ownerCount),
          ),
          onDecision: (decision) => opening.store?.emit("decision", decision),
        });
      }
      return maintenance;
    },
    nodeBounds: autoscale?.settings,
  };
  const store = new Store<V, K>(storeParts);
  opening.store = controlsOf(store);
  parts.connector.update(parts.client.carrier);
  monitor.start();
  if (parts.codec instanceof MsgpackCodec && (recovery?.damages.length ?? 0) > 0) {
    parts.codec.closeStructures();
  }
  if (resolved.inspect !== undefined) {
    opening.live = await serve(store, resolved.inspect.isWritable, lock!, codec);
  }
  if (resolved.processes) opening.gateway = await admit(store, resolved, lock!, idle);
  // What waits for this store is served first. One that fails ends durability, as later ones do.
  if (log?.isCheckpointDue === true) dpm.checkpoint(log.place).catch(() => {});
  if (resolved.keepAlive) opening.store.keepAlive();
  // At the end the library's files may be gone, and then no thread can be started that writes the
  // last snapshot. Nothing before that needs them, so the first values go before.
  const load = () => void loadTasks().catch(() => {});
  if (resolved.path !== undefined) {
    opening.loading = startTimer(load, LOAD_TASKS_MS, { keepsAlive: false });
  }
  return store;
}
