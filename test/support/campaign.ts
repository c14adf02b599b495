/**
 * How much of a long search one process tries: cases of simulations that run in one thread, and so do the same on every runtime.
 *
 * In `npm test` the runtimes share the cases: each tries a third of them, and together they try all. `DINOMO_CAMPAIGN=1` tries all of
 * them in this process, `DINOMO_CAMPAIGN=10` ten times as many seeds, and `DINOMO_CAMPAIGN=0` all cases that are the same in every
 * run, and no others.
 *
 * @module
 */
import process from "node:process";
import { RUNTIMES, THIS_RUNTIME } from "../../scripts/runtimes.ts";

const GIVEN = process.env["DINOMO_CAMPAIGN"];

/** How many times as many random cases are tried as usual; 0: none. */
export const CAMPAIGN_FACTOR: number = GIVEN === undefined ? 1 : Number(GIVEN);

/** Among how many processes the cases are shared. */
export const SHARE_COUNT: number = GIVEN === undefined ? RUNTIMES.length : 1;

/** The first case of this process; each {@linkcode SHARE_COUNT}-th from there on is its own. */
export const SHARE_FIRST: number = GIVEN === undefined ? RUNTIMES.indexOf(THIS_RUNTIME) : 0;

/** Whether a case, of so many, is one of this process. In a row, and not each third one: a case may decide by its own remainder. */
export function isOfThisShare(index: number, count: number): boolean {
  return Math.floor((index * SHARE_COUNT) / count) === SHARE_FIRST;
}
