/**
 * How often keys were asked for lately, whether they have an entry or not: a count-min sketch
 * (Cormode, Muthukrishnan, Journal of Algorithms 55(1), 2005) with counters of four bits that are
 * halved from time to time, as TinyLFU uses it. A count may be too high, when keys collide in all
 * four places, but not too low.
 *
 * @module
 */

/** Largest count. */
export const SKETCH_COUNT_MAX = 15;
/** Counters for each entry of the cache: eight bytes, as in Caffeine. */
const COUNTERS_PER_ENTRY = 16;
const COUNTERS_MIN = 256;
const COUNTERS_PER_WORD = 8;
/** The lower three bits of each counter, after a shift that brings in one of its neighbour's. */
const HALVED_MASK = 0x77777777;

/** The sketch. */
export class FrequencySketch {
  #words: Int32Array = new Int32Array(COUNTERS_MIN / COUNTERS_PER_WORD);

  /** Number of counters. */
  get counterCount(): number {
    return this.#words.length * COUNTERS_PER_WORD;
  }

  /**
   * Counts a key up by its hash; only the counters that hold its estimate, so that others' are
   * disturbed less.
   */
  add(hash: number): void {
    this.raise(hash, this.estimate(hash) + 1);
  }

  /** Sees to it that a key counts at least so much. */
  raise(hash: number, count: number): void {
    const limited = Math.min(count, SKETCH_COUNT_MAX);
    for (let row = 0; row < 4; row++) {
      const at = this.#counterOf(hash, row);
      const shift = (at & 7) << 2;
      const word = this.#words[at >>> 3];
      if (((word >>> shift) & 15) < limited) {
        this.#words[at >>> 3] = (word & ~(15 << shift)) | (limited << shift);
      }
    }
  }

  /** How often a key was counted, at most 15. */
  estimate(hash: number): number {
    let least = SKETCH_COUNT_MAX;
    for (let row = 0; row < 4; row++) {
      const at = this.#counterOf(hash, row);
      const count = (this.#words[at >>> 3] >>> ((at & 7) << 2)) & 15;
      if (count < least) least = count;
    }
    return least;
  }

  /** Halves all counts. */
  halve(): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) words[i] = (words[i] >>> 1) & HALVED_MASK;
  }

  /**
   * Grows with the cache. A counter is copied to both places that its keys may have from now on, so
   * no count is lost.
   */
  fit(entryCount: number): void {
    while (this.counterCount < entryCount * COUNTERS_PER_ENTRY) {
      const words = new Int32Array(this.#words.length * 2);
      words.set(this.#words);
      words.set(this.#words, this.#words.length);
      this.#words = words;
    }
  }

  /** Forgets all counts. */
  clear(): void {
    this.#words = new Int32Array(COUNTERS_MIN / COUNTERS_PER_WORD);
  }

  /**
   * A key's counter in one of four rows that share the table: the hash, mixed with another odd
   * factor for each.
   */
  #counterOf(hash: number, row: number): number {
    let mixed = Math.imul(hash ^ (hash >>> 16), FACTORS[row]);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x2c1b3c6d);
    mixed ^= mixed >>> 13;
    return mixed & (this.counterCount - 1);
  }
}

const FACTORS = new Int32Array([0x7feb352d, 0x846ca68b, 0x9e3779b1, 0xc2b2ae35]);
