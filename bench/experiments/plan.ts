/**
 * The sizes of the experiments.
 *
 * @module
 */
import type { Size } from "../options.ts";
import type { MixId } from "./workload/mix.ts";

/** How large the experiments are. */
export interface ExperimentPlan {
  /** Keys at the beginning, of 8 bytes each; values have 1 KiB. */
  readonly keyCount: number;
  /** Operations before anything is counted: caches fill, and Clover's spare buffers are used up where that is possible. */
  readonly warmUpOperations: number;
  readonly operations: number;
  readonly nodeCounts: readonly number[];
  /** Mixes whose throughput is measured at all of these; the others only at the last of `nodeCountsOfAll`. */
  readonly mixes: readonly MixId[];
  readonly zipfExponents: readonly number[];
  /** Sizes of a KN's cache, as shares of the data. */
  readonly cacheShares: readonly number[];
  readonly cacheNodeCount: number;
  /** KNs of the timelines before anything happens, and how long these run. */
  readonly timelineNodeCount: number;
  readonly timelineMs: number;
  readonly intervalMs: number;
}

const ALL_MIXES = ["read-only", "update-5", "update-50", "insert-5", "insert-50"] as const;

export const EXPERIMENT_PLANS: Record<Size, ExperimentPlan> = {
  // Shows that everything runs: part of the tests.
  smoke: {
    keyCount: 2000,
    warmUpOperations: 2000,
    operations: 2000,
    nodeCounts: [1, 2],
    mixes: ["update-5", "insert-50"],
    zipfExponents: [0.99],
    cacheShares: [0.02],
    cacheNodeCount: 1,
    timelineNodeCount: 2,
    timelineMs: 6,
    intervalMs: 0.5,
  },
  quick: {
    keyCount: 1 << 15,
    warmUpOperations: 100_000,
    operations: 100_000,
    nodeCounts: [1, 4, 16, 64],
    mixes: ["read-only", "update-5", "update-50"],
    zipfExponents: [0.99],
    cacheShares: [0.0025, 0.01, 0.04, 0.16],
    cacheNodeCount: 1,
    timelineNodeCount: 4,
    timelineMs: 60,
    intervalMs: 1,
  },
  // What is published.
  full: {
    keyCount: 1 << 17,
    warmUpOperations: 600_000,
    operations: 400_000,
    nodeCounts: [1, 2, 4, 8, 16, 32, 64],
    mixes: ALL_MIXES,
    zipfExponents: [0.5, 0.99, 2],
    cacheShares: [0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32],
    cacheNodeCount: 1,
    timelineNodeCount: 8,
    timelineMs: 200,
    intervalMs: 1,
  },
};

export const VALUE_BYTES = 1024;
export const KEY_BYTES = 8;
/** Of each KN, as a share of the data. */
export const CACHE_SHARE = 0.01;
/** Clients for each KN: more than it has threads, so that none of them is ever idle for want of work. */
export const CLIENTS_PER_NODE = 64;
