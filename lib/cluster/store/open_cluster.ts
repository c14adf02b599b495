/**
 * Opens a store of a cluster.
 *
 * @module
 */
import { NodeFailedError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { OwnWorker } from "../../platform/worker_loader.ts";
import type { StructureStore } from "../../codec/shared_structures.ts";
import { OperationCounters } from "../../pool/operation_counters.ts";
import type { OpenOptions } from "../../store/options/options.ts";
import type { Leases } from "../../routing/load_leases.ts";
import { codecName, makeCodec } from "../../store/opening/client_parts.ts";
import type { ResolvedCluster } from "../../store/options/cluster_options.ts";
import type { ResolvedOptions } from "../../store/options/resolved_options.ts";
import type { ClusterNodeStats, NodeLoads } from "../../core/cluster_figures.ts";
import { controlsOf, Store } from "../../store/store.ts";
import { KeptAgent } from "../agent/kept_agent.ts";
import { NO_VIEW } from "../client/owner_view.ts";
import { NearConnector } from "../network/near_connector.ts";
import { type Connect, connectTcp } from "../network/node_link.ts";
import { RUNTIME_CLOCK } from "../node/cluster_clock.ts";
import type { SharedReads } from "../shared/shared_reads.ts";
import { type ClusterClient, makeClusterClient } from "./cluster_client.ts";
import { ClusterEvents } from "./cluster_events.ts";
import { type BackUp, ClusterMaintenance } from "./cluster_maintenance.ts";
import { ClusterPool } from "./cluster_pool.ts";
import { ClusterScan } from "./cluster_scan.ts";

/** Loads in other threads are not waited for. */
const NO_LEASES: Leases = {
  take: () => true,
  give: () => {},
  isOfOtherKey: () => false,
  letGo: () => {},
};

/** Each value has its structure with it. */
const NO_STRUCTURES: StructureStore = {
  load: () => undefined,
  save: () => false,
  saveLater: () => {},
};

/**
 * Opens a store.
 *
 * @param openHere opens a store of one machine, with the keys and the codec of the cluster
 * @throws {InvalidOptionError} when the cluster has other settings, or packages are missing
 * @throws {UnavailableError} when its servers cannot be reached
 * @throws {NodeFailedError} when the thread that is the node cannot be started
 */
export async function openCluster<V, K extends Key>(
  resolved: ResolvedOptions<V>,
  cluster: ResolvedCluster,
  openHere: (options: OpenOptions<V>) => Promise<Store<V, Key>>,
): Promise<Store<V, K>> {
  await prepareThread(resolved);
  const { keys, codec, workers } = resolved;
  let view = NO_VIEW;
  let served: ClusterNodeStats | undefined;
  let loads: NodeLoads = new Map();
  let shared: SharedReads | undefined;
  const opening: { client?: ClusterClient; store?: Store<V, K> } = {};
  const events = new ClusterEvents((type, detail) => {
    if (opening.store !== undefined) controlsOf(opening.store).emit(type, detail);
  });
  const options = { ...cluster, keys, codec: codecName(codec) };
  const agent = await KeptAgent.start(workers.cluster, options, {
    onView: (newest) => {
      view = newest;
      opening.client?.carrier.update(view);
      events.take(view);
    },
    onFigures: (figures, newest) => {
      served = figures;
      loads = newest;
      events.served(loads);
    },
    onShared: (reads) => {
      shared = reads;
      opening.client?.carrier.share(shared);
    },
    onLost: (error) => {
      opening.client?.failAll(error);
      if (opening.store !== undefined) controlsOf(opening.store).fail(error);
    },
  });
  const { messageBytes, settings } = agent.facts;
  const { secret, tls } = cluster;
  const near = new NearConnector(settings.hashKey);
  const connect: Connect = (...place) =>
    cluster.near ? near.connect(...place) : connectTcp(...place);
  const client = opening.client = makeClusterClient({ secret, tls, messageBytes }, {
    clock: RUNTIME_CLOCK,
    connect: (host, port, tls) => agent.connect(host, port) ?? connect(host, port, tls),
  });
  client.carrier.update(view);
  client.carrier.share(shared);
  const counters = OperationCounters.apart();
  const used = makeCodec(codec, () => NO_STRUCTURES);
  const backup: BackUp = async (directory, options) => {
    const { backUpCluster, COPY_OPTIONS } = await import("./cluster_backup.ts");
    const parts = {
      scan: () => new ClusterScan(client.carrier, agent.facts.settings.hashKey),
      codec: used,
      openCopy: () => openHere(COPY_OPTIONS),
    };
    return await backUpCluster(parts, directory, options);
  };
  const store = opening.store = new Store<V, K>({
    pool: new ClusterPool({
      name: cluster.name,
      agent,
      client,
      counters,
      view: () => view,
      served: () => served,
      loads: () => loads,
    }),
    client,
    codec: used,
    cache: undefined,
    leases: NO_LEASES,
    counters,
    recovery: undefined,
    maintenance: () => new ClusterMaintenance(client, agent, backup),
  });
  if (resolved.keepAlive) controlsOf(store).keepAlive();
  return store;
}

async function prepareThread({ workers: { cluster } }: ResolvedOptions<unknown>): Promise<void> {
  try {
    if (cluster instanceof OwnWorker) await cluster.prepare();
  } catch (cause) {
    throw new NodeFailedError(`the cluster's thread cannot be started: ${String(cause)}`, {
      cause,
    });
  }
}
