/**
 * What a store says about itself.
 *
 * @module
 */
import type { ClientCacheStats } from "../../client/client_cache.ts";
import type { ClusterNodeStats } from "../../core/cluster_figures.ts";
import type { NodeId, OwnerWord, SegmentId } from "../../core/brands.ts";
import {
  ADDRESS_UNIT_BYTES,
  CLEANER_COUNT_MAX,
  NODE_ID_COUNT,
  SLOT_COUNT,
} from "../../core/limits.ts";
import { indexBytes } from "../../index/index_space.ts";
import { orderedFigures } from "../../ordered/tree_figures.ts";
import { AgentCounter, AgentCounters } from "../../pool/agent_counters.ts";
import {
  AGENT_CLEANERS,
  AGENT_DPM,
  CHECKPOINT_NUMBER_WORD,
  CHECKPOINT_UNITS,
  DURABILITY_LEVEL,
  OWNER_TABLE,
  UNITS_WRITTEN,
} from "../../pool/control_layout.ts";
import {
  type Durability,
  DURABILITY_FAILURES,
  durabilityFailure,
  type SyncStats,
  syncStats,
  unsyncedBytes,
} from "../../pool/durability.ts";
import { type Key, keyOf } from "../../core/key_encoder.ts";
import { sharedKeys } from "../../far/mnode/shared_keys.ts";
import type { OperationStats, ThreadStats } from "./operation_stats.ts";
import type { StatisticsWindow } from "../../mnode/statistics_collector.ts";
import { attachedCount } from "../../routing/client_registry.ts";
import { ownerOf } from "../../routing/ownership.ts";
import { isFar } from "../../pool/placement.ts";
import type { Pool } from "../../pool/pool.ts";
import { VerbCounter, Verbs } from "../../pool/verbs.ts";
import { SegmentState } from "../../pool/segment_state.ts";
import { SegmentTable } from "../../pool/segment_table.ts";
import { SpaceBudget } from "../../pool/space_budget.ts";
import { RECORD_KEY } from "../../log/record_layout.ts";

/** Figures about one KN since it was started. */
export interface NodeStats {
  /** Its identity. */
  readonly id: number;
  /** Slots it owns, of 4096. */
  readonly slots: number;
  /** Requests executed, and batches in which they came. */
  readonly requests: number;
  /** See {@linkcode requests}. */
  readonly batches: number;
  /**
   * Requests among them that clients have executed in its place, since they could only have waited.
   */
  readonly helped: number;
  /** Requests refused because their slot had moved; their clients sent them again. */
  readonly moved: number;
  /** Times that it went to sleep for want of requests. */
  readonly sleeps: number;
  /** Times that a put waited for a segment to be cleaned. */
  readonly cleaningStalls: number;
  /** Records removed because they had expired. */
  readonly expired: number;
  /**
   * What it has done to a far pool; undefined in the near placement, where nothing of it is
   * counted.
   */
  readonly far: FarStats | undefined;
}

/** Accesses of one KN to a far pool, as calls of its verbs. */
export interface FarStats {
  /** Calls of all verbs: round trips. */
  readonly roundTrips: number;
  /** Round trips for each read and write of clients; 0 before there is one. */
  readonly roundTripsPerOperation: number;
  /** Calls by verb. What KNs log in one step is one write. */
  readonly reads: number;
  /** See {@linkcode reads}. */
  readonly writes: number;
  /** See {@linkcode reads}. */
  readonly compareAndSwaps: number;
  /** See {@linkcode reads}. */
  readonly fetchAndAdds: number;
  /** See {@linkcode reads}. */
  readonly sends: number;
  /** Bytes transferred from the pool, and to it. */
  readonly bytesRead: number;
  /** See {@linkcode bytesRead}. */
  readonly bytesWritten: number;
  /** Lookups that the cache has answered, without a round trip. */
  readonly valueHits: number;
  /** Lookups for which the cache knew where the record is: one round trip. */
  readonly shortcutHits: number;
  /**
   * Shortcuts that did not lead to the record any more; their lookups are counted as misses, too.
   */
  readonly staleShortcuts: number;
  /**
   * Lookups that records which the KN had logged itself, and which were not merged, have answered.
   */
  readonly logHits: number;
  /** Lookups that went through the index. */
  readonly misses: number;
  /** Steps in which it waited for its log to be merged. */
  readonly backlogWaits: number;
  /** Reads and writes of clients, of keys that are replicated. */
  readonly sharedGets: number;
  /** See {@linkcode sharedGets}. */
  readonly sharedPuts: number;
}

/** A key that several KNs own. */
export interface ReplicatedKeyStats {
  /** The key. */
  readonly key: Key;
  /** Identities of the KNs. */
  readonly owners: readonly number[];
}

function farStats(pool: Pool, agent: number): FarStats | undefined {
  if (!isFar(pool)) return undefined;
  const verbs = new Verbs(pool, agent);
  const operations = verbs.get(VerbCounter.GETS) + verbs.get(VerbCounter.PUTS);
  const { roundTrips } = verbs;
  return {
    roundTrips,
    roundTripsPerOperation: operations === 0 ? 0 : roundTrips / operations,
    reads: verbs.get(VerbCounter.READS),
    writes: verbs.get(VerbCounter.WRITES),
    compareAndSwaps: verbs.get(VerbCounter.COMPARE_AND_SWAPS),
    fetchAndAdds: verbs.get(VerbCounter.FETCH_AND_ADDS),
    sends: verbs.get(VerbCounter.SENDS),
    bytesRead: verbs.get(VerbCounter.BYTES_READ),
    bytesWritten: verbs.get(VerbCounter.BYTES_WRITTEN),
    valueHits: verbs.get(VerbCounter.VALUE_HITS),
    shortcutHits: verbs.get(VerbCounter.SHORTCUT_HITS),
    staleShortcuts: verbs.get(VerbCounter.STALE_SHORTCUTS),
    logHits: verbs.get(VerbCounter.LOG_HITS),
    misses: verbs.get(VerbCounter.MISSES),
    backlogWaits: verbs.get(VerbCounter.BACKLOG_WAITS),
    sharedGets: verbs.get(VerbCounter.SHARED_GETS),
    sharedPuts: verbs.get(VerbCounter.SHARED_PUTS),
  };
}

/** Figures about durability. */
export interface DurabilityStats {
  /** The store's level. */
  readonly level: Durability;
  /** Why nothing is durable any more; undefined while all is well. */
  readonly failure: "write" | "sync" | "checkpoint" | undefined;
  /** Bytes logged that a loss of power could take back. */
  readonly unsyncedBytes: number;
  /** What syncing has cost. */
  readonly syncs: SyncStats;
  /** Number of the newest checkpoint, and bytes logged since. */
  readonly checkpoint: number;
  /** See {@linkcode checkpoint}. */
  readonly bytesSinceCheckpoint: number;
}

/** What a thread knows of the cluster that its store is of. */
export interface ClusterStats {
  /** Its name. */
  readonly name: string;
  /** Number of this process's node; undefined if it has none. */
  readonly node: number | undefined;
  /**
   * The members, and how many slots each owns; the address is undefined of one that has left. Of
   * the last few seconds, as it has said not long ago: for how many requests in a second it is
   * asked.
   */
  readonly nodes: readonly {
    readonly node: number;
    readonly slots: number;
    readonly address: string | undefined;
    readonly requestsPerSecond: number | undefined;
  }[];
  /** Slots that no node owns now: their requests wait. */
  readonly unownedSlots: number;
  /** Nodes to which this thread has a connection. */
  readonly connected: readonly number[];
  /** Requests of this thread that were sent again. */
  readonly resent: number;
  /** Reads that this thread has answered itself, from copies of keys that are read very often. */
  readonly copiedReads: number;
  /**
   * Connections that the node of this process has refused, for want of a certificate that it trusts
   * or of the secret: how many, and from where and why the last one.
   */
  readonly refused: { readonly count: number; readonly last: string | undefined };
  /** Of this process's node, up to half a second ago; undefined if it has none. */
  readonly served: ClusterNodeStats | undefined;
}

/** Figures about a store. */
export interface StoreStats {
  /**
   * What this thread knows of its cluster; undefined without one. With it, the figures of a pool
   * are 0, as a cluster has none; `pending` and `operations` are this thread's.
   */
  readonly cluster?: ClusterStats | undefined;
  /**
   * Keys in the index: those included that have expired but were not removed yet; in the far
   * placement without what is not merged yet.
   */
  readonly count: number;
  /** Bytes of the log in all segments. */
  readonly capacityBytes: number;
  /** Bytes to which `grow` can raise that. */
  readonly capacityBytesMax: number;
  /** Bytes of records that can be read. */
  readonly liveBytes: number;
  /**
   * Live bytes beyond which new data is refused with `PoolFullError`; with `whenFull: "evict"`
   * those beyond which records are dropped.
   */
  readonly liveBytesMax: number;
  /** Bytes appended to segments that are not free. */
  readonly usedBytes: number;
  /** Number of segments in each state. */
  readonly segments: {
    readonly free: number;
    readonly open: number;
    readonly sealed: number;
    readonly cleaning: number;
  };
  /** Bytes of a segment. */
  readonly segmentBytes: number;
  /** Bytes handed out to the index. */
  readonly indexBytes: number;
  /** Bytes handed out to the order of the keys; 0 in a store without `ordered`. */
  readonly orderBytes: number;
  /** Bytes of a record beside key and value. */
  readonly recordHeaderBytes: number;
  /**
   * Segments that DPM processors and the running KNs have cleaned, and bytes of live records moved
   * for it.
   */
  readonly segmentsCleaned: number;
  /** See {@linkcode segmentsCleaned}. */
  readonly cleaningBytesMoved: number;
  /**
   * Records dropped because the pool was full, or had too many keys, by DPM processors and the
   * running KNs; 0 unless `whenFull` is `"evict"`.
   */
  readonly evicted: number;
  /**
   * What all threads have done since the store was opened, those that have left it included: the
   * share of hits is `operations.hits / operations.reads`.
   */
  readonly operations: OperationStats;
  /** What each thread has done that uses the store now, since it has opened or attached. */
  readonly threads: readonly ThreadStats[];
  /** Reads that had to start over because they raced with a change. */
  readonly readRetries: number;
  /** Threads that are attached to the store. */
  readonly attached: number;
  /**
   * KNs that have failed and were replaced since the store was opened; undefined in an attached
   * thread.
   */
  readonly nodesFailed: number | undefined;
  /**
   * KNs that have failed, and still hold slots or are in the middle of a step; undefined in an
   * attached thread.
   */
  readonly zombies: number | undefined;
  /**
   * Latencies, occupancy of KNs and hot keys of the last window that has ended; undefined without
   * statistics, before the end of the first window, and in an attached thread.
   */
  readonly window: StatisticsWindow | undefined;
  /** Operations of this thread that have not ended. */
  readonly pending: number;
  /** Figures about this thread's cache; undefined without one. */
  readonly cache: ClientCacheStats | undefined;
  /** Figures about durability. */
  readonly durability: DurabilityStats;
  /** Figures of each KN. */
  readonly nodes: readonly NodeStats[];
  /** The keys that are replicated, at most 64; see `replicate`. */
  readonly replicatedKeys: readonly ReplicatedKeyStats[];
}

function durabilityStats(pool: Pool): DurabilityStats {
  const { control } = pool;
  const written = Atomics.load(control, UNITS_WRITTEN);
  return {
    level: (["memory", "os", "disk"] as const)[control[DURABILITY_LEVEL]]!,
    failure: DURABILITY_FAILURES[durabilityFailure(pool)],
    unsyncedBytes: unsyncedBytes(pool),
    syncs: syncStats(pool),
    checkpoint: control[CHECKPOINT_NUMBER_WORD],
    bytesSinceCheckpoint: ((written - control[CHECKPOINT_UNITS]) >>> 0) * ADDRESS_UNIT_BYTES,
  };
}

/** Figures that only the thread that opened the store has. */
export type HostStats = Pick<StoreStats, "nodesFailed" | "zombies" | "window">;

/** What an attached thread has in their place. */
export const ATTACHED_STATS: HostStats = {
  nodesFailed: undefined,
  zombies: undefined,
  window: undefined,
};

/** Records that the cleaners have dropped that KNs share. */
function evictedByCleaners(pool: Pool): number {
  let count = 0;
  for (let i = 0; i < CLEANER_COUNT_MAX; i++) {
    count += new AgentCounters(pool, AGENT_CLEANERS + i).get(AgentCounter.EVICTED);
  }
  return count;
}

/** Gathers the figures that are in shared memory. */
export function gatherStats(
  pool: Pool,
  nodes: readonly { readonly nodeId: NodeId; readonly agent: number }[],
): Omit<
  StoreStats,
  "count" | "operations" | "threads" | "readRetries" | "pending" | "cache" | keyof HostStats
> {
  const segments = new SegmentTable(pool);
  const states = [0, 0, 0, 0, 0];
  let usedBytes = 0;
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    const state = segments.state(i as SegmentId);
    states[state] = (states[state] ?? 0) + 1;
    if (state !== SegmentState.FREE) usedBytes += segments.usedBytes(i as SegmentId);
  }
  const slots = new Int32Array(NODE_ID_COUNT);
  // Plain loads, for a figure: atomic ones take several times as long.
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    slots[ownerOf(pool.control[OWNER_TABLE + slot] as OwnerWord)] += 1;
  }
  const dpm = new AgentCounters(pool, AGENT_DPM);
  const counters = nodes.map(({ agent }) => new AgentCounters(pool, agent));
  const total = (counter: number) =>
    [dpm, ...counters].reduce((sum, agent) => sum + agent.get(counter), 0);
  return {
    capacityBytes: pool.capacityBytes,
    capacityBytesMax: pool.capacityBytesMax,
    liveBytes: segments.liveBytesTotal(),
    liveBytesMax: new SpaceBudget(pool, segments).liveBytesMax,
    usedBytes,
    segments: {
      free: states[SegmentState.FREE]! + states[SegmentState.FREE_PENDING]!,
      open: states[SegmentState.OPEN]!,
      sealed: states[SegmentState.SEALED]!,
      cleaning: states[SegmentState.CLEANING]!,
    },
    segmentBytes: pool.geometry.segmentBytes,
    indexBytes: indexBytes(pool).allocated,
    orderBytes: orderedFigures(pool).allocated,
    recordHeaderBytes: RECORD_KEY * 4,
    segmentsCleaned: total(AgentCounter.SEGMENTS_CLEANED),
    cleaningBytesMoved: total(AgentCounter.BYTES_MOVED),
    evicted: total(AgentCounter.EVICTED) + evictedByCleaners(pool),
    attached: attachedCount(pool),
    durability: durabilityStats(pool),
    replicatedKeys: sharedKeys(pool).map((shared) => ({
      key: keyOf(shared),
      owners: shared.owners,
    })),
    nodes: nodes.map(({ nodeId, agent }, i) => ({
      id: nodeId,
      slots: slots[nodeId],
      requests: counters[i]!.get(AgentCounter.REQUESTS),
      batches: counters[i]!.get(AgentCounter.BATCHES),
      helped: counters[i]!.get(AgentCounter.HELPED),
      moved: counters[i]!.get(AgentCounter.MOVED),
      sleeps: counters[i]!.get(AgentCounter.SLEEPS),
      cleaningStalls: counters[i]!.get(AgentCounter.CLEANING_STALLS),
      expired: counters[i]!.get(AgentCounter.EXPIRED),
      far: farStats(pool, agent),
    })),
  };
}
