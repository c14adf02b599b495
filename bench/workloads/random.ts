/**
 * The seeded generator behind every random choice of the benchmarks: the same seed gives the same
 * operations on every runtime and to every peer. Small Fast Counter (sfc32) of Chris
 * Doty-Humphrey's PractRand.
 *
 * @module
 */

/** Returns the next number, uniform in [0, 1). */
export type Random = () => number;

/** Outputs to drop so that every bit of the state depends on the seed, as PractRand does. */
const WARM_UP_ROUNDS = 12;

export function createRandom(seed: number): Random {
  let a = 0;
  let b = seed | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) next();
  return next;
}

/** A whole number from 0 up to, and without, `limit`. */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
