/**
 * Runs every policy on every trace and with every budget.
 *
 * @module
 */
import type { Size } from "../options.ts";
import { CACHE_PLANS, WRITE_SHARE_USUAL } from "./plan.ts";
import {
  type CacheFigures,
  dataBytes,
  makeData,
  POLICY_CHOICES,
  simulate,
  type ValueSizes,
} from "./simulate.ts";
import { makeTrace, TRACE_KINDS, type TraceKind } from "./trace.ts";

/** A trace, a budget, and the figures of every policy. */
export interface CacheRow {
  readonly sizes: ValueSizes;
  readonly kind: TraceKind;
  readonly zipf: number;
  readonly writeShare: number;
  readonly budgetShare: number;
  /** By name of the policy. */
  readonly figures: Readonly<Record<string, CacheFigures>>;
  /** Fewest RTs per read of a static policy. */
  readonly bestStaticRts: number;
}

/** How a policy compares over all rows. */
export interface PolicySummary {
  readonly name: string;
  readonly isStatic: boolean;
  /**
   * Geometric mean of the RTs per read of the best static policy over those of this one; above 1 is
   * better than all of them.
   */
  readonly meanRatio: number;
  /** The lowest of these ratios. */
  readonly worstRatio: number;
  /** Mean RTs per read. */
  readonly meanRts: number;
}

/** What a run of the benchmark has found. */
export interface CacheResults {
  readonly seed: number;
  readonly size: Size;
  readonly rows: readonly CacheRow[];
}

/** Runs the benchmark; the same seed gives the same figures on every runtime. */
export function measureCaches(
  size: Size,
  seed: number,
  log: (line: string) => void,
): CacheResults {
  const plan = CACHE_PLANS[size];
  const rows: CacheRow[] = [];
  for (const sizes of ["1 KiB", "mixed"] as const) {
    const data = makeData(plan.keyCount, sizes, seed);
    const totalBytes = dataBytes(data);
    for (const kind of TRACE_KINDS) {
      for (const zipf of plan.zipfs) {
        log(`values ${sizes}, ${kind}, Zipf ${zipf}`);
        const isUsual = sizes === "1 KiB" && kind === "steady";
        for (const writeShare of isUsual ? plan.writeShares : [WRITE_SHARE_USUAL]) {
          const { keyCount, operationCount } = plan;
          const trace = makeTrace({ kind, keyCount, operationCount, zipf, writeShare, seed });
          for (const budgetShare of plan.budgetShares) {
            const budgetBytes = Math.floor(totalBytes * budgetShare);
            const figures = Object.fromEntries(
              POLICY_CHOICES.map((choice) => [
                choice.name,
                simulate(choice, budgetBytes, data, trace),
              ]),
            );
            const bestStaticRts = Math.min(
              ...POLICY_CHOICES.filter(({ isStatic }) => isStatic)
                .map(({ name }) => figures[name].rtsPerRead),
            );
            rows.push({ sizes, kind, zipf, writeShare, budgetShare, figures, bestStaticRts });
          }
        }
      }
    }
  }
  return { seed, size, rows };
}

/** Compares the policies over rows, the best first. */
export function summarize(rows: readonly CacheRow[]): PolicySummary[] {
  return POLICY_CHOICES.map(({ name, isStatic }) => {
    const ratios = rows.map((row) => row.bestStaticRts / row.figures[name].rtsPerRead);
    const mean = (figures: readonly number[]) =>
      figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
    return {
      name,
      isStatic,
      meanRatio: Math.exp(mean(ratios.map(Math.log))),
      worstRatio: Math.min(...ratios),
      meanRts: mean(rows.map((row) => row.figures[name].rtsPerRead)),
    };
  }).sort((a, b) => b.meanRatio - a.meanRatio);
}
