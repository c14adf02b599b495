/**
 * Runs a simulation for many seeds; everything that it decides comes from one of them.
 *
 * @module
 */
import process from "node:process";
import { CAMPAIGN_FACTOR, isOfThisShare, runtimeShare } from "./campaign.ts";
import { Random, SEED } from "./random.ts";

/** Share of the seeds that are of the set that never changes. */
const FIXED_SHARE = 0.75;

/**
 * Runs `run` for this process's share of `count` seeds (campaign.ts), or for `DINOMO_SEED` alone.
 *
 * Most of the seeds are drawn from a set that never changes, of which one run tries a part, so that
 * what was caught once is caught again before long, and in each campaign; the others follow from
 * the seed of the process, so that many runs see more than one. The seed of a failure is printed.
 */
export function forEachSeed(count: number, run: (seed: number) => void): void {
  for (const seed of seedsOf(count)) {
    try {
      run(seed);
    } catch (error) {
      console.error(`\nto replay this failure: DINOMO_SEED=${seed}`);
      throw error;
    }
  }
}

/**
 * The same for something that is awaited, which the runtimes share: together they run all the seeds
 * that never change each time. Returns how many seeds were run.
 */
export async function forEachSeedInTurn(
  count: number,
  run: (seed: number) => Promise<void>,
): Promise<number> {
  const seeds = isGiven() ? seedsOf(1) : [...runtimeShare(fixedSeeds(count)), ...freshSeeds(count)];
  await runAll(seeds, run);
  return seeds.length;
}

/**
 * The same for seeds that all follow from that of the process: together the runtimes run each of
 * them once.
 */
export async function forEachFreshSeedInTurn(
  count: number,
  run: (seed: number) => Promise<void>,
): Promise<number> {
  const fresh = new Random(SEED).below(2 ** 31);
  const all = Array.from({ length: count * Math.max(1, CAMPAIGN_FACTOR) }, (_, i) => fresh + i);
  const seeds = isGiven() ? seedsOf(1) : runtimeShare(all);
  await runAll(seeds, run);
  return seeds.length;
}

async function runAll(
  seeds: readonly number[],
  run: (seed: number) => Promise<void>,
): Promise<void> {
  for (const seed of seeds) {
    try {
      await run(seed);
    } catch (error) {
      console.error(`\nto replay this failure: DINOMO_SEED=${seed}`);
      throw error;
    }
  }
}

function isGiven(): boolean {
  return (process.env["DINOMO_SEED"] ?? "") !== "";
}

function seedsOf(count: number): number[] {
  if (isGiven()) return [Number(process.env["DINOMO_SEED"])];
  const fixed = fixedSeeds(count);
  return [...fixed.filter((_, i) => isOfThisShare(i, fixed.length)), ...freshSeeds(count)];
}

function fixedSeeds(count: number): number[] {
  return Array.from({ length: Math.ceil(count * FIXED_SHARE) }, (_, i) => i + 1);
}

function freshSeeds(count: number): number[] {
  const freshCount = Math.max(0, Math.floor(count * CAMPAIGN_FACTOR) - fixedSeeds(count).length);
  const fresh = new Random(SEED).below(2 ** 31);
  return Array.from({ length: freshCount }, (_, i) => fresh + i)
    .filter((_, i) => isOfThisShare(i, freshCount));
}
