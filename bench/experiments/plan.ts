/**
 * The sizes of the experiments.
 *
 * @module
 */
import type { Size } from "../options.ts";
import type { MixId } from "./workload/mix.ts";

/** How long a system runs in its steady state. */
export interface SteadyPlan {
  /** Keys at the beginning, of 8 bytes each; values have 1 KiB. */
  readonly keyCount: number;
  /**
   * Operations before anything is counted: caches fill, and Clover uses up its spare buffers where
   * it writes half of the time.
   */
  readonly warmUpOperations: number;
  readonly operations: number;
}

/** How large the experiments are. */
export interface ExperimentPlan {
  readonly steady: SteadyPlan;
  /** With as many keys as fit into a run of minutes, for the figures that are compared. */
  readonly headline: SteadyPlan & { readonly nodeCount: number };
  /**
   * The same comparison by how many keys there are. Each run warms up with as many operations as
   * there are keys.
   */
  readonly keyCounts: readonly number[];
  readonly mixes: readonly MixId[];
  /** Numbers of KNs, by the exponent of Zipf's distribution. */
  readonly nodeCounts: readonly { readonly exponent: number; readonly counts: readonly number[] }[];
  /** Sizes of a KN's cache, as shares of the data, for one KN. */
  readonly cacheShares: readonly number[];
  /** Numbers of KNs over which the load is spread, and how it is skewed and mixed. */
  readonly balance: {
    readonly nodeCount: number;
    readonly loads: readonly { readonly exponent: number; readonly mix: MixId }[];
  };
  readonly timeline: TimelinePlan;
}

/** What happens in the timelines, in milliseconds of virtual time. */
export interface TimelinePlan {
  readonly keyCount: number;
  readonly nodeCount: number;
  readonly addedCount: number;
  readonly clientsPerNode: number;
  /** The load doubles, or a KN dies. */
  readonly changeMs: number;
  /** From then until KNs are added. */
  readonly reactionMs: number;
  /** The load halves; KNs are removed after the same time. */
  readonly halvedMs: number;
  readonly endMs: number;
  readonly intervalMs: number;
  /**
   * From the death of a KN until the M-node knows of it: half of the interval in which it looks.
   */
  readonly detectionMs: number;
  /** Data that Dinomo-N copies slots of. */
  readonly dataBytes: number;
}

const MIX_IDS = ["read-only", "update-5", "update-50", "insert-5", "insert-50"] as const;
const GIB = 2 ** 30;

const BALANCE_LOADS = [
  { exponent: 0.5, mix: "update-5" },
  { exponent: 0.99, mix: "update-5" },
  { exponent: 2, mix: "read-only" },
  { exponent: 2, mix: "update-5" },
  { exponent: 2, mix: "update-50" },
] as const;

export const EXPERIMENT_PLANS: Record<Size, ExperimentPlan> = {
  // Shows that everything runs: part of the tests.
  smoke: {
    steady: { keyCount: 2000, warmUpOperations: 1000, operations: 1000 },
    headline: { keyCount: 2000, warmUpOperations: 1000, operations: 1000, nodeCount: 2 },
    keyCounts: [1000],
    mixes: ["update-5", "insert-50"],
    nodeCounts: [{ exponent: 0.99, counts: [1, 2] }],
    cacheShares: [0.02, 0.1],
    balance: { nodeCount: 2, loads: [{ exponent: 2, mix: "update-5" }] },
    timeline: {
      keyCount: 2000,
      nodeCount: 1,
      addedCount: 1,
      clientsPerNode: 4,
      changeMs: 4,
      reactionMs: 1,
      halvedMs: 16,
      endMs: 30,
      intervalMs: 1,
      detectionMs: 2,
      dataBytes: GIB / 64,
    },
  },
  // Shows whether a change made something clearly better or worse.
  quick: {
    steady: { keyCount: 1 << 15, warmUpOperations: 100_000, operations: 60_000 },
    headline: {
      keyCount: 1 << 16,
      warmUpOperations: 200_000,
      operations: 100_000,
      nodeCount: 16,
    },
    keyCounts: [1 << 15, 1 << 17],
    mixes: ["read-only", "update-5", "update-50"],
    nodeCounts: [{ exponent: 0.99, counts: [1, 4, 16, 128] }],
    cacheShares: [0.0025, 0.01, 0.04, 0.16],
    balance: { nodeCount: 16, loads: BALANCE_LOADS },
    timeline: {
      keyCount: 1 << 15,
      nodeCount: 4,
      addedCount: 1,
      clientsPerNode: 24,
      changeMs: 20,
      reactionMs: 10,
      halvedMs: 100,
      endMs: 180,
      intervalMs: 1,
      detectionMs: 20,
      dataBytes: GIB / 2,
    },
  },
  // What is published.
  full: {
    steady: { keyCount: 1 << 15, warmUpOperations: 100_000, operations: 50_000 },
    headline: {
      keyCount: 1 << 17,
      warmUpOperations: 420_000,
      operations: 100_000,
      nodeCount: 16,
    },
    keyCounts: [1 << 15, 1 << 17, 1 << 19],
    mixes: MIX_IDS,
    nodeCounts: [
      { exponent: 0.5, counts: [1, 4, 16] },
      { exponent: 0.99, counts: [1, 2, 4, 8, 16, 32, 64, 128] },
      { exponent: 2, counts: [1, 4, 16] },
    ],
    cacheShares: [0.0025, 0.005, 0.01, 0.02, 0.04, 0.16],
    balance: { nodeCount: 16, loads: BALANCE_LOADS },
    timeline: {
      keyCount: 1 << 15,
      nodeCount: 4,
      addedCount: 1,
      clientsPerNode: 24,
      changeMs: 20,
      reactionMs: 10,
      halvedMs: 110,
      endMs: 200,
      intervalMs: 1,
      detectionMs: 50,
      dataBytes: GIB,
    },
  },
};

export const VALUE_BYTES = 1024;
export const KEY_BYTES = 8;
/** Of each KN, as a share of the data. */
export const CACHE_SHARE = 0.01;
/**
 * Clients for each KN in the steady state: more than it has threads, so that it is never idle for
 * want of work.
 */
export const CLIENTS_PER_NODE = 64;
