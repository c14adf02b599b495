/**
 * Lets a thread die at a chosen access to shared memory: what it has stored stays, and nothing of
 * it comes after, not even what is in a `finally`.
 *
 * @module
 */
import { withAtomicHooks } from "./sim_atomics.ts";

/** Accesses of one operation at most; a bound for loops that would not end. */
const ACCESSES_MAX = 100_000;

class Death extends Error {
  override readonly name: string = "Death";
}

/**
 * Runs `body` until it dies before or after an atomic access.
 *
 * @param at the number of the moment: each access has one before it and one after it
 * @returns false when `body` has ended before that moment came
 */
export function dieAt(at: number, body: () => void): boolean {
  let moment = 0;
  const hooks = {
    onAccess: () => {
      if (moment > ACCESSES_MAX) throw new Error("it does not end");
      if (moment++ >= at) throw new Death();
    },
  };
  try {
    withAtomicHooks(hooks, body);
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  }
}

/**
 * Lets `body` die at every moment in turn, and once not at all.
 *
 * @param run makes a world, and calls its argument once, with what may die in it; that says whether
 *   it has died
 * @returns how often it died
 */
export function dieAtEveryMoment(run: (die: (body: () => void) => boolean) => void): number {
  for (let at = 0;; at++) {
    let hasDied = false;
    run((body) => hasDied = dieAt(at, body));
    if (!hasDied) return at;
  }
}
