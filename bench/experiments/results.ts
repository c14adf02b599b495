/**
 * All figures of the experiments.
 *
 * @module
 */
import type { Size } from "../options.ts";
import { type BalanceRow, measureBalance } from "./experiments/balance.ts";
import { type CacheRow, measureCaching } from "./experiments/caching.ts";
import {
  type KeyCountRow,
  measureByKeyCount,
  measureHeadline,
  measureThroughput,
  type ThroughputRow,
} from "./experiments/throughput.ts";
import { measureElasticity, measureFailure, type Timeline } from "./experiments/timeline.ts";
import { EXPERIMENT_PLANS } from "./plan.ts";

/** What a run has come to. The same seed and size give the same figures. */
export interface ExperimentResults {
  readonly size: Size;
  readonly seed: number;
  readonly headline: readonly ThroughputRow[];
  readonly byKeyCount: readonly KeyCountRow[];
  readonly throughput: readonly ThroughputRow[];
  readonly caching: readonly CacheRow[];
  readonly balance: readonly BalanceRow[];
  readonly elasticity: readonly Timeline[];
  readonly failure: readonly Timeline[];
}

/** Runs all experiments. */
export function runExperiments(
  size: Size,
  seed: number,
  progress: (line: string) => void,
): ExperimentResults {
  const plan = EXPERIMENT_PLANS[size];
  return {
    size,
    seed,
    headline: measureHeadline(plan, seed, progress),
    byKeyCount: measureByKeyCount(plan, seed, progress),
    throughput: measureThroughput(plan, seed, progress),
    caching: measureCaching(plan, seed, progress),
    balance: measureBalance(plan, seed, progress),
    elasticity: measureElasticity(plan, seed, progress),
    failure: measureFailure(plan, seed, progress),
  };
}
