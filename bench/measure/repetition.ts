/**
 * One time-boxed repetition of a workload and its figures.
 *
 * Reading the clock costs 40 ns on Bun, 55 ns on Node and 110 ns on Deno, as much as a tenth of the
 * operations measured here. So throughput is measured by a pass that reads the clock once in
 * `CLOCK_STRIDE` operations, and latency by a second pass that reads it at every operation.
 *
 * @module
 */
import type { LatencyFigures } from "./latency_recorder.ts";

/** Operations between two looks at the clock in a throughput pass. */
export const CLOCK_STRIDE = 16;

/** The part of a repetition's time that the throughput pass gets where latency is measured too. */
export const THROUGHPUT_SHARE = 2 / 3;

/** What one pass did. */
export interface Pass {
  operationCount: number;
  elapsedMs: number;
}

export interface RepetitionFigures {
  operationsPerSecond: number;
  /** Absent for workloads whose operations are not awaited one by one. */
  latency?: LatencyFigures;
}

export function operationsPerSecond(pass: Pass): number {
  return pass.operationCount / pass.elapsedMs * 1000;
}
