/**
 * Measures the microbenchmarks with tinybench.
 *
 * @module
 */
import { Bench } from "tinybench";
import type { Size } from "../options.ts";
import { withCachedReadCases } from "./cached_reads.ts";
import { type MicroCase, OPERATIONS_PER_CALL, withMicroCases } from "./cases.ts";
import { withPickedReadCases } from "./picked_reads.ts";

export interface MicroRow {
  name: string;
  /**
   * Nanoseconds of one operation: the median of the calls, and the margin of error of their mean.
   */
  medianNs: number;
  marginPercent: number;
}

interface MicroPlan {
  timeMs: number;
  warmUpMs: number;
  callCountMin: number;
}

const MICRO_PLANS: Record<Size, MicroPlan> = {
  smoke: { timeMs: 1, warmUpMs: 0, callCountMin: 2 },
  quick: { timeMs: 200, warmUpMs: 100, callCountMin: 16 },
  full: { timeMs: 1500, warmUpMs: 300, callCountMin: 64 },
};

export async function measureMicro(size: Size): Promise<MicroRow[]> {
  const rows: MicroRow[] = [];
  const measure = async (cases: readonly MicroCase[]) => {
    rows.push(...await runBench(cases, MICRO_PLANS[size]));
  };
  await withMicroCases(measure);
  await withCachedReadCases(measure);
  await withPickedReadCases(measure);
  return rows;
}

async function runBench(cases: readonly MicroCase[], plan: MicroPlan): Promise<MicroRow[]> {
  const bench = new Bench({
    time: plan.timeMs,
    iterations: plan.callCountMin,
    warmup: plan.warmUpMs > 0,
    warmupTime: plan.warmUpMs,
    throws: true,
  });
  for (const { name, run } of cases) bench.add(name, run);
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== "completed") throw new Error(`microbenchmark ${name}: ${result.state}`);
    return {
      name,
      medianNs: result.latency.p50 * 1e6 / OPERATIONS_PER_CALL,
      marginPercent: result.latency.rme,
    };
  });
}
