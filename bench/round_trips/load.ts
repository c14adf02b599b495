/**
 * The load of the experiments, for the cluster and for the model of it: the same keys, values, mix,
 * skew, clients and caches.
 *
 * @module
 */
import { valueEntryBytes } from "../../lib/cache/cache.ts";
import { KEPT_BYTES } from "../../lib/cluster/index/indexed_table.ts";
import { CACHE_SHARE, KEY_BYTES, VALUE_BYTES } from "../experiments/plan.ts";
import { mixOf } from "../experiments/workload/mix.ts";
import type { Size } from "../options.ts";

/** How large it is. */
export interface RoundTripsPlan {
  readonly keyCount: number;
  readonly warmUpOperations: number;
  readonly operations: number;
  /** Numbers of nodes, each of which is a cluster of its own. */
  readonly nodeCounts: readonly number[];
  /** Servers of NATS. */
  readonly serverCount: 1 | 3;
  /** Whether operations begin when all that was loaded is in the index: half a minute later. */
  readonly isIndexed: boolean;
  /** Without operations, before those that are counted: what is asked then is asked for none. */
  readonly restMs: number;
  /** Of the nodes: on a machine that is busy with other tests none loses its own. */
  readonly leaseMs: number;
}

export const ROUND_TRIPS_PLANS: Record<Size, RoundTripsPlan> = {
  smoke: {
    keyCount: 400,
    warmUpOperations: 400,
    operations: 400,
    nodeCounts: [1],
    serverCount: 1,
    isIndexed: false,
    restMs: 200,
    leaseMs: 10_000,
  },
  quick: {
    keyCount: 1 << 13,
    warmUpOperations: 25_000,
    operations: 25_000,
    nodeCounts: [1, 4],
    serverCount: 1,
    isIndexed: true,
    restMs: 1500,
    leaseMs: 3000,
  },
  full: {
    keyCount: 1 << 15,
    warmUpOperations: 100_000,
    operations: 50_000,
    nodeCounts: [1, 2, 4],
    serverCount: 3,
    isIndexed: true,
    restMs: 1500,
    leaseMs: 3000,
  },
};

export const EXPONENT = 0.99;
export const MIX = mixOf("update-5");

/**
 * What a value takes in the memory of a cluster's node. The model's values are as large: caches
 * then hold as many of them, and as many addresses in place of one.
 */
export const KEPT_VALUE_BYTES: number = VALUE_BYTES + KEPT_BYTES;

/** Bytes of each node's cache: 1 % of the values have room. */
export function nodeCacheBytes(keyCount: number): number {
  return Math.floor(keyCount * CACHE_SHARE) * valueEntryBytes(KEY_BYTES, KEPT_VALUE_BYTES);
}

/** The key of a number, 8 bytes. */
export function keyOf(number: number): string {
  return `k${String(number).padStart(KEY_BYTES - 1, "0")}`;
}
