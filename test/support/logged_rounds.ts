/**
 * Rounds of writes, as a process makes them until it is killed: a round puts its number to some keys and deletes the others, so
 * that of each key one can tell which round was its last.
 *
 * @module
 */

/** Keys that every round writes. */
export const ROUND_KEYS = 60;

/** What a process is to do with the pool at a path. */
export interface RoundsUse {
  readonly path: string;
  readonly durability: "memory" | "os" | "disk";
  /** @default "near" */
  readonly placement?: "near" | "far";
}

/** A value. */
export interface RoundValue {
  readonly round: number;
  readonly key: number;
  readonly pad: string;
}

/** What a process says: what it has found, and where it begins; then the rounds that were acknowledged, or saved. */
export type RoundsMessage =
  | { readonly found: readonly (number | null)[]; readonly start: number }
  | { readonly acknowledged: number }
  | { readonly saved: number };

/** What a key is after a round; null stands for no such key. */
export function stateAfter(round: number, key: number): number | null {
  return (key * 31 + round) % 5 === 0 ? null : round;
}

/** The value that a round gives to a key. */
export function roundValue(round: number, key: number): RoundValue {
  // Now and then one that is too large for the ring.
  const length = key % 20 === 0 ? 3000 : (key * 37 + round * 11) % 300;
  return { round, key, pad: "x".repeat(length) };
}

/** The round that a value is of; throws if it is not the whole value of a round and this key. */
export function roundOf(value: RoundValue, key: number): number {
  const expected = roundValue(value.round, key);
  if (value.key !== key || value.pad !== expected.pad) {
    throw new Error(
      `key ${key} has a value of key ${value.key} with ${value.pad.length} characters`,
    );
  }
  return value.round;
}
