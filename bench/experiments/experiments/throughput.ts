/**
 * Throughput by the number of KNs, for every mix and skew: Dinomo, Dinomo-S (which caches shortcuts
 * only), and Clover.
 *
 * @module
 */
import type { ExperimentPlan, SteadyPlan } from "../plan.ts";
import { clover, type Deployment, dinomo, METADATA_THREADS } from "../systems/catalogue.ts";
import { type Mix, mixOf, OperationKind } from "../workload/mix.ts";
import { Zipf } from "../workload/zipf.ts";
import { type BuildSystem, measureSteady, type SteadyFigures } from "./steady.ts";

/** Room for operations that end while nobody looks. */
const WRITE_MARGIN = 1.5;
const WRITES_MIN = 50_000;

/** Systems by the names of the figures. */
export const SYSTEMS = ["Dinomo", "Dinomo-S", "Clover"] as const;
export type SystemName = (typeof SYSTEMS)[number];

/** One system under one load. */
export interface ThroughputRow extends SteadyFigures {
  readonly system: string;
  readonly mix: string;
  readonly exponent: number;
  readonly nodeCount: number;
}

/** What a system is deployed for. */
export function deploymentOf(plan: SteadyPlan, nodeCount: number, mix: Mix): Deployment {
  const operations = plan.warmUpOperations + plan.operations;
  const writeCountMax = Math.ceil(operations * mix.writeShare * WRITE_MARGIN) + WRITES_MIN;
  const insertCountMax = mix.write === OperationKind.INSERT ? writeCountMax : 0;
  return { nodeCount, keyCount: plan.keyCount, writeCountMax, insertCountMax };
}

const BUILDERS: Record<SystemName, (deployment: Deployment) => BuildSystem> = {
  "Dinomo": (deployment) => dinomo(deployment, { policy: "dac" }),
  "Dinomo-S": (deployment) => dinomo(deployment, { policy: "shortcuts" }),
  "Clover": (deployment) => clover(deployment, METADATA_THREADS.dinomoAuthors),
};

/** Measures all points of the figure. */
export function measureThroughput(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): ThroughputRow[] {
  const rows: ThroughputRow[] = [];
  for (const { exponent, counts } of plan.nodeCounts) {
    const zipf = new Zipf(plan.steady.keyCount, exponent);
    for (const mix of plan.mixes.map(mixOf)) {
      for (const nodeCount of counts) {
        progress(`throughput: Zipf ${exponent}, ${mix.title}, ${nodeCount} KNs`);
        for (const system of SYSTEMS) {
          const build = BUILDERS[system](deploymentOf(plan.steady, nodeCount, mix));
          const { keyCount } = plan.steady;
          const figures = measureSteady({
            ...plan.steady,
            build,
            nodeCount,
            mix,
            zipf,
            keyCount,
            seed,
          });
          rows.push({ system, mix: mix.title, exponent, nodeCount, ...figures });
        }
      }
    }
  }
  return rows;
}

/** Variants of Clover, whose limits depend on numbers that one may doubt. */
const CLOVER_VARIANTS = [
  { system: "Clover", threads: METADATA_THREADS.dinomoAuthors },
  { system: "Clover, 8 workers and 4 collectors", threads: METADATA_THREADS.cloverAuthors },
] as const;

const HEADLINE_EXPONENT = 0.99;
const HEADLINE_MIXES = ["read-only", "update-5", "update-50"] as const;

/** The comparison with the most keys: all caches of Dinomo, and all variants of Clover. */
export function measureHeadline(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): ThroughputRow[] {
  const { keyCount, nodeCount } = plan.headline;
  const zipf = new Zipf(keyCount, HEADLINE_EXPONENT);
  return HEADLINE_MIXES.map(mixOf).flatMap((mix) => {
    const deployment = deploymentOf(plan.headline, nodeCount, mix);
    const builds: [string, BuildSystem][] = [
      ["Dinomo, the paper's DAC", dinomo(deployment, { policy: "dac" })],
      ["Dinomo, the store's own policy", dinomo(deployment, { policy: "marginal" })],
      ["Dinomo-S", dinomo(deployment, { policy: "shortcuts" })],
    ];
    for (const { system, threads } of CLOVER_VARIANTS) {
      builds.push([system, clover(deployment, threads)]);
    }
    return builds.map(([system, build]) => {
      progress(`headline: ${mix.title}, ${system}`);
      const figures = measureSteady({ ...plan.headline, build, mix, zipf, seed });
      return { system, mix: mix.title, exponent: HEADLINE_EXPONENT, nodeCount, ...figures };
    });
  });
}

/** Mixes and systems that are compared by how many keys there are. */
const BY_KEYS_MIXES = ["update-5", "update-50"] as const;
const BY_KEYS_SYSTEMS = ["Dinomo", "Clover"] as const;

/** One system with so many keys. */
export interface KeyCountRow extends ThroughputRow {
  readonly keyCount: number;
}

/**
 * The comparison by how many keys there are: the more, the smaller is the share of the most popular
 * one.
 */
export function measureByKeyCount(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): KeyCountRow[] {
  const { nodeCount, operations } = plan.headline;
  return plan.keyCounts.flatMap((keyCount) => {
    const zipf = new Zipf(keyCount, HEADLINE_EXPONENT);
    const steady = { keyCount, warmUpOperations: keyCount, operations };
    return BY_KEYS_MIXES.map(mixOf).flatMap((mix) =>
      BY_KEYS_SYSTEMS.map((system) => {
        progress(`by number of keys: ${keyCount}, ${mix.title}, ${system}`);
        const build = BUILDERS[system](deploymentOf(steady, nodeCount, mix));
        const figures = measureSteady({ ...steady, nodeCount, build, mix, zipf, seed });
        const exponent = HEADLINE_EXPONENT;
        return { system, mix: mix.title, exponent, nodeCount, keyCount, ...figures };
      })
    );
  });
}
