/**
 * The figures of `dinomo top`: what a store did between two looks at it.
 *
 * @module
 */
import type { StoreStats } from "../store/figures/stats.ts";

/** A look at a store. */
export interface Look {
  /** By a monotonic clock, in milliseconds. */
  readonly ms: number;
  readonly stats: StoreStats;
}

/** What is shown; `top --json` prints it. Null stands for what is not known. */
export interface TopFigures {
  /** In milliseconds since the epoch. */
  readonly timeMs: number;
  readonly keys: number;
  readonly capacityBytes: number;
  readonly liveBytes: number;
  readonly liveBytesMax: number;
  readonly indexBytes: number;
  readonly segments: StoreStats["segments"];
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  /** Share of the reads since the look before that have found their key. */
  readonly hitShare: number | null;
  /** The same of the reads that the host thread's cache has answered. */
  readonly cacheHitShare: number | null;
  /** Latencies of writes; with the option `statistics` of the store. */
  readonly meanMicros: number | null;
  /** See {@linkcode meanMicros}. */
  readonly p99Micros: number | null;
  readonly threads: number;
  readonly pending: number;
  readonly durability: string;
  /** The file operation that has failed; null while none has. */
  readonly failure: string | null;
  readonly unsyncedBytes: number;
  readonly nodes: readonly TopNode[];
}

/** Figures of one KN. */
export interface TopNode {
  readonly id: number;
  readonly slots: number;
  /** Share of a window in which it worked; with the option `statistics` of the store. */
  readonly occupancy: number | null;
  readonly requestsPerSecond: number;
  /** Those among them that clients have executed in its place. */
  readonly helpedPerSecond: number;
}

/** What has happened between two looks, and how it is at the later one. */
export function topFigures(earlier: Look, later: Look, timeMs: number): TopFigures {
  const seconds = Math.max(1, later.ms - earlier.ms) / 1000;
  const { stats } = later;
  const { operations: now, window, durability, cache } = stats;
  const { operations: before } = earlier.stats;
  // A store that was closed and opened again counts from 0.
  const rate = (to: number, from: number) => Math.max(0, to - from) / seconds;
  const writes = ({ puts, deletes, updates }: StoreStats["operations"]) => puts + deletes + updates;
  return {
    timeMs,
    keys: stats.count,
    capacityBytes: stats.capacityBytes,
    liveBytes: stats.liveBytes,
    liveBytesMax: stats.liveBytesMax,
    indexBytes: stats.indexBytes,
    segments: stats.segments,
    readsPerSecond: rate(now.reads, before.reads),
    writesPerSecond: rate(writes(now), writes(before)),
    hitShare: shareOf(now.hits - before.hits, now.misses - before.misses),
    cacheHitShare: cache === undefined ? null : shareOf(
      cache.hits - (earlier.stats.cache?.hits ?? 0),
      cache.misses - (earlier.stats.cache?.misses ?? 0),
    ),
    meanMicros: window?.meanMicros ?? null,
    p99Micros: window?.p99Micros ?? null,
    threads: stats.threads.length,
    pending: stats.pending,
    durability: durability.level,
    failure: durability.failure ?? null,
    unsyncedBytes: durability.unsyncedBytes,
    nodes: stats.nodes.map(({ id, slots, requests, helped }) => {
      const old = earlier.stats.nodes.find((node) => node.id === id);
      return {
        id,
        slots,
        occupancy: window?.nodes.find(({ node }) => node === id)?.occupancy ?? null,
        requestsPerSecond: rate(requests, old?.requests ?? 0),
        helpedPerSecond: rate(helped, old?.helped ?? 0),
      };
    }),
  };
}

function shareOf(hits: number, misses: number): number | null {
  return hits + misses > 0 ? hits / (hits + misses) : null;
}
