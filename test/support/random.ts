/**
 * Seeded randomness for tests: one seed per process, printed with a test that fails, and replayed
 * with the environment variable DINOMO_SEED. DINOMO_RUN_SEED is the seed of every process of a run:
 * the check of a commit draws the same each time that it is repeated, and the check of another
 * commit draws something else.
 *
 * @module
 */
import process from "node:process";

/** Seed of this process: DINOMO_SEED, or that of the run, or a fresh one. */
export const SEED: number = readSeed("DINOMO_SEED") ?? readSeed("DINOMO_RUN_SEED") ??
  Math.floor(Math.random() * 2 ** 31);

/** A small generator (mulberry32), the same on every runtime. */
export class Random {
  #state: number;

  /** Starts a sequence. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** The next number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, and without, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number from `min` up to and including `max`. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** That many random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

/**
 * Makes the body of a test that draws everything from the process's seed; when it fails the seed is
 * printed.
 *
 * @example
 * ```ts
 * test("sorts anything", seeded((random) => assert.ok(isSorted(sort(random.bytes(100))))));
 * ```
 */
export function seeded(body: (random: Random) => void | Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await body(new Random(SEED));
    } catch (error) {
      console.error(`\nto replay this failure: DINOMO_SEED=${SEED}`);
      throw error;
    }
  };
}

function readSeed(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  const seed = Number(text);
  if (!Number.isInteger(seed)) throw new Error(`${name} must be an integer, got "${text}"`);
  return seed;
}
