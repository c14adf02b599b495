/**
 * Runs a simulation for many seeds; everything that it decides comes from one of them.
 *
 * @module
 */
import process from "node:process";

/** Share of the seeds that are the same in every run. */
const FIXED_SHARE = 0.75;
/** Whether those are all: then what a run notices it notices each time. */
const IS_REPEATABLE = process.env["DINOMO_FIXED_SEEDS"] === "1";

/**
 * Runs `run` for `count` seeds, or for `DINOMO_SEED` alone.
 *
 * Most of the seeds are the same in every run, so that what was caught once is caught again; the others are new, so
 * that many runs see more than one. The seed of a failure is printed.
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
  const fresh = Math.floor(Math.random() * 2 ** 31);
  const seeds = Array.from({ length: count }, (_, i) => i < fixedCount ? i + 1 : fresh + i);
  return IS_REPEATABLE ? seeds.slice(0, fixedCount) : seeds;
}
