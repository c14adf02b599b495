/**
 * Rounds of writes, as a process makes them until it is killed: a round puts its number to some
 * keys and deletes the others, so that of each key one can tell which round was its last.
 *
 * Where the pool evicts, a round writes a third of the keys, so that the others have time to go.
 *
 * @module
 */

const ROUND_KEYS = 60;

/** The same where a round is one commit: as many as fit a segment. */
const COMMITTED_ROUND_KEYS = 20;
/** The same where the pool evicts: more than it has room for. */
const EVICTED_ROUND_KEYS = 1000;
/** Rounds until a key of such a pool is written again. */
const EVICTED_TURNS = 3;

/** What a process is to do with the pool at a path. */
export interface RoundsUse {
  readonly path: string;
  readonly durability: "memory" | "os" | "disk";
  /** @default "near" */
  readonly placement?: "near" | "far";
  /** @default false */
  readonly evicts?: boolean;
  /** Whether a round is one atomic commit, of fewer keys. @default false */
  readonly commits?: boolean;
  /** The round to begin with; undefined: the one after the newest that is found. */
  readonly start?: number;
}

/** Keys that the rounds of a process write. */
export function roundKeys({ evicts = false, commits = false }: RoundsUse): number {
  return evicts ? EVICTED_ROUND_KEYS : commits ? COMMITTED_ROUND_KEYS : ROUND_KEYS;
}

/** A value. */
export interface RoundValue {
  readonly round: number;
  readonly key: number;
  readonly pad: string;
}

/**
 * What a process says: what it has found, and where it begins; then the rounds that were
 * acknowledged, and what had been evicted by then, or saved.
 */
export type RoundsMessage =
  | { readonly found: readonly (number | null)[]; readonly start: number }
  | { readonly acknowledged: number; readonly evicted: number }
  | { readonly saved: number };

/** The last round, up to and including one, that has written a key; 0 if none has. */
export function lastRoundOf(round: number, key: number, { evicts = false }: RoundsUse): number {
  if (!evicts) return round;
  return Math.max(0, round - ((round + key) % EVICTED_TURNS));
}

/** What a key is after a round; null stands for no such key. */
export function stateAfter(round: number, key: number, use: RoundsUse): number | null {
  const last = lastRoundOf(round, key, use);
  return last === 0 || (key * 31 + last) % 5 === 0 ? null : last;
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
