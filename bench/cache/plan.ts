/**
 * The sizes of the benchmark of the cache policies.
 *
 * @module
 */
import type { Size } from "../options.ts";

export interface CachePlan {
  keyCount: number;
  /** Operations of a trace; the first half warms the cache. */
  operationCount: number;
  zipfs: readonly number[];
  /** Shares of writes in the steady traces with values of 1 KiB. */
  writeShares: readonly number[];
  /** Budgets as shares of the data. */
  budgetShares: readonly number[];
}

/** Share of writes in all others: it hardly matters to a cache, and the traces are many. */
export const WRITE_SHARE_USUAL = 0.05;

export const CACHE_PLANS: Record<Size, CachePlan> = {
  smoke: {
    keyCount: 500,
    operationCount: 4000,
    zipfs: [0.99],
    writeShares: [0.05],
    budgetShares: [0.01, 0.1],
  },
  quick: {
    keyCount: 5000,
    operationCount: 100_000,
    zipfs: [0.5, 0.99, 2],
    writeShares: [0.05],
    budgetShares: [0.001, 0.01, 0.1],
  },
  full: {
    keyCount: 10_000,
    operationCount: 200_000,
    zipfs: [0.5, 0.99, 2],
    writeShares: [0, 0.05, 0.5],
    budgetShares: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
  },
};
