/**
 * How much of a long search one process tries.
 *
 * In `npm test` the runtimes share the cases of simulations that run in one thread, and so do the
 * same on every runtime, and of searches in which there are many alike. A run on all runtimes tries
 * a third of them, and each runtime a third of that; which ones is decided by the seed. Of a file
 * that a run tries on one runtime only (test_plan.ts) it tries a ninth of the cases, and others on
 * the next day. `DINOMO_CAMPAIGN=1` tries all of them in this process, `DINOMO_CAMPAIGN=10` ten
 * times as many seeds, and `DINOMO_CAMPAIGN=0` all cases that are the same in every run, and no
 * others.
 *
 * @module
 */
import process from "node:process";
import { RUNTIMES, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { SEED } from "./random.ts";

const GIVEN = process.env["DINOMO_CAMPAIGN"];
/** Parts of its share of which one process tries one. */
const PARTS = 3;

/** How many times as many random cases are tried as usual; 0: none. */
export const CAMPAIGN_FACTOR: number = GIVEN === undefined ? 1 : Number(GIVEN);

/** Into how many shares the cases are split, of which a process has one. */
export const SHARE_COUNT: number = GIVEN === undefined ? PARTS * RUNTIMES.length : 1;

/** The first case of this process; each {@linkcode SHARE_COUNT}-th from there on is its own. */
export const SHARE_FIRST: number = GIVEN === undefined
  ? PARTS * RUNTIMES.indexOf(THIS_RUNTIME) + (SEED % PARTS)
  : 0;

/**
 * Whether a case, of so many, is one of this process. In a row, and not each n-th one: a case may
 * decide by its own remainder.
 */
export function isOfThisShare(index: number, count: number): boolean {
  return Math.floor((index * SHARE_COUNT) / count) === SHARE_FIRST;
}

/**
 * Those of a few cases that this process tries, so that the runtimes together try all of them.
 *
 * @param turn cases of several tests of one file: each test gives its own number, and no runtime
 *   has all the first ones
 */
export function runtimeShare<Case>(cases: readonly Case[], turn = 0): readonly Case[] {
  if (GIVEN !== undefined) return cases;
  const own = (RUNTIMES.indexOf(THIS_RUNTIME) + turn) % RUNTIMES.length;
  return cases.filter((_, i) => i % RUNTIMES.length === own);
}

/**
 * Numbers from 0 up to, and without, `count` that are cases of this process: each
 * {@linkcode SHARE_COUNT}-th.
 */
export function* sharedIndexes(count: number): Generator<number> {
  for (let i = SHARE_FIRST; i < count; i += SHARE_COUNT) yield i;
}
