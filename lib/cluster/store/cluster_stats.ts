/**
 * What a thread of a cluster knows of it.
 *
 * @module
 */
import type { NodeLoads } from "../../core/cluster_figures.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { RECORD_KEY } from "../../log/record_layout.ts";
import type { ClusterStats, StoreStats } from "../../store/figures/stats.ts";
import type { OwnerView } from "../client/owner_view.ts";

/** The nodes of a cluster, as a thread knows them. */
export function clusterStats(
  { owners, addresses, refused }: OwnerView,
  loads: NodeLoads,
  own: Pick<ClusterStats, "name" | "node" | "connected" | "resent" | "copiedReads" | "served">,
): ClusterStats {
  const slots = new Map<number, number>([...addresses.keys()].map((node) => [node, 0]));
  for (const owner of owners) if (owner >= 0) slots.set(owner, (slots.get(owner) ?? 0) + 1);
  const numbers = [...slots.keys()].sort((a, b) => a - b);
  const nodes = numbers.map((node) => ({
    node,
    slots: slots.get(node)!,
    address: addresses.get(node),
    requestsPerSecond: loads.get(node)?.perSecond,
  }));
  const owned = nodes.reduce((sum, node) => sum + node.slots, 0);
  return { ...own, nodes, unownedSlots: SLOT_COUNT - owned, refused };
}

/** Figures of a store: those of a pool, which a cluster does not have, are 0. */
export function storeStats(
  cluster: ClusterStats,
  own: Pick<StoreStats, "pending" | "operations" | "segmentBytes">,
): StoreStats {
  return {
    ...own,
    cluster,
    count: 0,
    capacityBytes: 0,
    capacityBytesMax: 0,
    liveBytes: 0,
    liveBytesMax: 0,
    usedBytes: 0,
    segments: { free: 0, open: 0, sealed: 0, cleaning: 0 },
    indexBytes: 0,
    orderBytes: 0,
    recordHeaderBytes: RECORD_KEY * 4,
    segmentsCleaned: 0,
    cleaningBytesMoved: 0,
    evicted: 0,
    threads: [],
    readRetries: 0,
    attached: 0,
    nodesFailed: undefined,
    zombies: undefined,
    window: undefined,
    cache: undefined,
    durability: {
      level: "os",
      failure: undefined,
      unsyncedBytes: 0,
      syncs: { count: 0, totalMs: 0, lastMs: 0, maxMs: 0 },
      checkpoint: 0,
      bytesSinceCheckpoint: 0,
    },
    nodes: [],
    replicatedKeys: [],
  };
}
