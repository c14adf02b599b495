/**
 * Numbers that every thread of a race derives from a count, so that nothing has to be sent along to
 * be checked.
 *
 * @module
 */

/** Mixes two numbers into an int32 (the finaliser of MurmurHash3). */
export function mix(a: number, b: number): number {
  let word = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

/** A number from 0 up to, and without, `limit`. */
export function mixBelow(a: number, b: number, limit: number): number {
  return (mix(a, b) >>> 0) % limit;
}
