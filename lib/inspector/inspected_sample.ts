/**
 * What the page is told once a second.
 *
 * @module
 */
import type { ClusterPicture } from "../core/cluster_figures.ts";
import type { Key } from "../core/key_encoder.ts";
import { epochMs } from "../platform/runtime.ts";
import { nodeCountMax } from "../store/arguments/pool_sizes.ts";
import type { PoolPicture } from "../store/figures/pool_picture.ts";
import type { StoreStats } from "../store/figures/stats.ts";
import { controlsOf, type Store } from "../store/store.ts";

/** Figures of a store at one moment; rates are left to the page. */
export interface InspectedSample {
  readonly timeMs: number;
  readonly keys: number;
  readonly liveBytes: number;
  readonly liveBytesMax: number;
  readonly capacityBytes: number;
  readonly indexBytes: number;
  readonly orderBytes: number;
  /** Counted since the store was opened. */
  readonly hits: number;
  /** See {@linkcode hits}. */
  readonly misses: number;
  /** Puts, deletes and updates, counted since the store was opened. */
  readonly writes: number;
  readonly clients: number;
  readonly pending: number;
  readonly durability: string;
  readonly unsyncedBytes: number;
  /** Of the last window; undefined without the option `statistics`. */
  readonly meanMicros: number | undefined;
  /** See {@linkcode meanMicros}. */
  readonly p99Micros: number | undefined;
  readonly nodes: readonly InspectedNode[];
  /** How many KNs the pool can have. */
  readonly nodesMax: number;
  /** In base64, a byte for each slot: the KN that owns it. */
  readonly owners: string;
  /** In base64, a byte for each segment: its state, of `SegmentState`. */
  readonly states: string;
  /** In base64, a byte for each segment: the share that is taken by records, in 255ths. */
  readonly used: string;
  /** The same of records that can be read. */
  readonly live: string;
}

/** Figures of one KN. */
export interface InspectedNode {
  readonly id: number;
  readonly slots: number;
  readonly requests: number;
  /** Share of the last window in which it worked; undefined without the option `statistics`. */
  readonly occupancy: number | undefined;
}

/** Figures of a cluster at one moment. */
export interface InspectedCluster {
  readonly timeMs: number;
  readonly cluster: {
    readonly name: string;
    /** Number of this process's node. */
    readonly own: number | undefined;
    /** Requests of this thread that were sent again. */
    readonly resent: number;
    readonly unownedSlots: number;
  };
  /** Of this thread. */
  readonly pending: number;
  readonly nodes: readonly InspectedMember[];
  /** In base64, two bytes for each slot, the lower one first: its owner, -1 for none. */
  readonly owners: string;
}

/** Figures of one node of a cluster; what it counts begins with its process. */
export interface InspectedMember {
  readonly id: number;
  readonly slots: number;
  readonly address: string | undefined;
  /** Of the last few seconds; undefined before it has been told. */
  readonly requestsPerSecond: number | undefined;
  /** Whether it has answered: what it counts is 0 if not, and other figures are undefined. */
  readonly answers: boolean;
  readonly keys: number | undefined;
  readonly leaseLeftMs: number | undefined;
  readonly reads: number;
  /** Reads that were answered from memory, copies that were lent included. */
  readonly valueHits: number;
  /** Reads with one round trip. */
  readonly shortcutHits: number;
  readonly writes: number;
  readonly cacheBytes: number | undefined;
  readonly unmergedBytes: number | undefined;
}

/** The figures now, wherever the pool is; undefined when the store is closed. */
export async function sampleOf<V, K extends Key>(
  store: Store<V, K>,
): Promise<InspectedSample | InspectedCluster | undefined> {
  const asked = controlsOf(store).readPicture();
  if (asked === undefined) return undefined;
  const [picture, stats] = await Promise.all([asked, store.readStats()]);
  if ("nodes" in picture) return clusterSampleOf(picture, stats);
  return poolSampleOf(picture, stats);
}

/** A cluster as the nodes that have answered see it, for who asks them all. */
function clusterSampleOf(
  { owners, nodes }: ClusterPicture,
  { cluster, pending }: StoreStats,
): InspectedCluster {
  const { name, node: own, resent, unownedSlots } = cluster!;
  return {
    timeMs: epochMs(),
    cluster: { name, own, resent, unownedSlots },
    pending,
    nodes: nodes.map(({ node, figures, ...known }) => {
      const { served, keys, leaseLeftMs } = figures ?? {};
      const { valueHits = 0, shortcutHits = 0, misses = 0, absent = 0 } = served ?? {};
      const inMemory = valueHits + absent + (served?.copiedReads ?? 0);
      return {
        id: node,
        ...known,
        answers: figures !== undefined,
        keys,
        leaseLeftMs,
        reads: inMemory + shortcutHits + misses,
        valueHits: inMemory,
        shortcutHits,
        writes: served?.changes ?? 0,
        cacheBytes: served?.cacheBytes,
        unmergedBytes: served?.unmergedBytes,
      };
    }),
    owners: base64(new Uint8Array(Int16Array.from(owners).buffer)),
  };
}

function poolSampleOf(picture: PoolPicture, stats: StoreStats): InspectedSample {
  const { operations, window } = stats;
  return {
    timeMs: epochMs(),
    keys: stats.count,
    liveBytes: stats.liveBytes,
    liveBytesMax: stats.liveBytesMax,
    capacityBytes: stats.capacityBytes,
    indexBytes: stats.indexBytes,
    orderBytes: stats.orderBytes,
    hits: operations.hits,
    misses: operations.misses,
    writes: operations.puts + operations.deletes + operations.updates,
    clients: stats.threads.length,
    pending: stats.pending,
    durability: stats.durability.failure === undefined
      ? stats.durability.level
      : `${stats.durability.level}, lost by a failed ${stats.durability.failure}`,
    unsyncedBytes: stats.durability.unsyncedBytes,
    meanMicros: window?.meanMicros,
    p99Micros: window?.p99Micros,
    nodes: stats.nodes.map(({ id, slots, requests }) => {
      const occupancy = window?.nodes.find(({ node }) => node === id)?.occupancy;
      return { id, slots, requests, occupancy };
    }),
    nodesMax: nodeCountMax(picture.states.length),
    owners: base64(picture.owners),
    states: base64(picture.states),
    used: base64(picture.used),
    live: base64(picture.live),
  };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return btoa(text);
}
