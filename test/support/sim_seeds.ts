/**
 * Runs a simulation for many seeds; everything that it decides comes from one of them.
 *
 * @module
 */
import process from "node:process";
import { CAMPAIGN_FACTOR, isOfThisShare } from "./campaign.ts";
import { Random, SEED } from "./random.ts";

/** Share of the seeds that are of the set that never changes. */
const FIXED_SHARE = 0.75;

/**
 * Runs `run` for this process's share of `count` seeds (campaign.ts), or for `DINOMO_SEED` alone.
 *
 * Most of the seeds are drawn from a set that never changes, of which one run tries a part, so that what was caught once is caught
 * again before long, and in each campaign; the others follow from the seed of the process, so that many runs see more than one. The
 * seed of a failure is printed.
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

function seedsOf(count: number): number[] {
  const given = process.env["DINOMO_SEED"];
  if (given !== undefined && given !== "") return [Number(given)];
  const fixedCount = Math.ceil(count * FIXED_SHARE);
  const freshCount = Math.max(0, Math.floor(count * CAMPAIGN_FACTOR) - fixedCount);
  const fresh = new Random(SEED).below(2 ** 31);
  const fixed = Array.from({ length: fixedCount }, (_, i) => i + 1)
    .filter((_, i) => isOfThisShare(i, fixedCount));
  const others = Array.from({ length: freshCount }, (_, i) => fresh + i)
    .filter((_, i) => isOfThisShare(i, freshCount));
  return [...fixed, ...others];
}
