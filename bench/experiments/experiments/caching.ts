/**
 * Cache policies by the size of the cache: one KN, reads and 5 % updates.
 *
 * @module
 */
import type { ExperimentPlan } from "../plan.ts";
import { dinomo, type NodeCaches } from "../systems/catalogue.ts";
import { mixOf } from "../workload/mix.ts";
import { Zipf } from "../workload/zipf.ts";
import { measureSteady, type SteadyFigures } from "./steady.ts";
import { deploymentOf } from "./throughput.ts";

const MIX = mixOf("update-5");
const EXPONENT = 0.99;
const NODE_COUNT = 1;

/** The policies by the names of the figure. */
export const CACHE_POLICIES: readonly { readonly name: string; readonly caches: NodeCaches }[] = [
  { name: "the store's own", caches: { policy: "marginal" } },
  { name: "DAC", caches: { policy: "dac" } },
  { name: "values only", caches: { policy: "values" } },
  { name: "shortcuts only", caches: { policy: "shortcuts" } },
  ...[0.2, 0.4, 0.6, 0.8].map((valueShare) => ({
    name: `${valueShare * 100} % values`,
    caches: { policy: "split" as const, valueShare },
  })),
];

/** One policy with a cache of one size. */
export interface CacheRow extends SteadyFigures {
  readonly policy: string;
  /** Of the data. */
  readonly share: number;
}

/** Measures all points of the figure. */
export function measureCaching(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): CacheRow[] {
  const { steady } = plan;
  const zipf = new Zipf(steady.keyCount, EXPONENT);
  const deployment = deploymentOf(steady, NODE_COUNT, MIX);
  return plan.cacheShares.flatMap((share) => {
    progress(`caching: ${share * 100} % of the data`);
    return CACHE_POLICIES.map(({ name, caches }) => {
      const build = dinomo(deployment, { ...caches, share });
      const run = { ...steady, build, nodeCount: NODE_COUNT, mix: MIX, zipf, seed };
      return { policy: name, share, ...measureSteady(run) };
    });
  });
}
