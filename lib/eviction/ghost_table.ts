/**
 * The ghosts of a cache: hashes of keys that were dropped from probation, for as long as 0.9 of the
 * capacity takes to be put. A key that comes back in that time was dropped too early.
 *
 * ```text
 *   word   | when: 16 bits | fingerprint of the hash: 16 bits |      0: empty
 *   set    4 words, chosen by other bits of the hash
 * ```
 *
 * `when` counts 1/256 of the capacity that was put. All threads of a pool share the table and write
 * it without locks or atomics: a word that is lost, or forgotten too early, costs a miss of the
 * cache and nothing else. After 65,536 units, 256 times the capacity, a ghost that no other has
 * displaced seems young again; it is as harmless.
 *
 * @module
 */
import { assert } from "../core/assert.ts";

/** Units of `when` in one capacity, and for how many of them a ghost is valid. */
export const GHOST_UNITS = 256;
const VALID_UNITS = Math.floor(0.9 * GHOST_UNITS);
/** Bytes of capacity for each word: half a word to a word for records of 64 to 128 bytes. */
const BYTES_PER_WORD = 128;
const WORDS_MIN = 1024;
/** 64 MiB: no more bits of a hash choose the set. */
const WORDS_MAX = 2 ** 24;
const SET_WORDS = 4;
const WHEN_MASK = 0xffff;

/** Words of the ghost table of a pool: a power of two. */
export function ghostWords(capacityBytes: number): number {
  const words = 2 ** Math.floor(Math.log2(capacityBytes / BYTES_PER_WORD));
  return Math.min(WORDS_MAX, Math.max(WORDS_MIN, words));
}

/** One thread's view of the ghosts. */
export class GhostTable {
  readonly #words: Int32Array;
  readonly #mask: number;

  /** A view of so many words, a power of two. */
  constructor(words: Int32Array) {
    assert((words.length & (words.length - 1)) === 0, "ghosts are a power of two");
    this.#words = words;
    this.#mask = words.length - SET_WORDS;
  }

  /**
   * Remembers a hash, in the place of the oldest of its set.
   *
   * @param units what was put until now, in {@linkcode GHOST_UNITS} for each capacity
   */
  add(hash: number, units: number): void {
    const words = this.#words;
    const set = this.#setOf(hash);
    let oldest = set;
    let oldestAge = -1;
    for (let at = set; at < set + SET_WORDS; at++) {
      const age = words[at] === 0 ? WHEN_MASK + 1 : (units - (words[at] >>> 16)) & WHEN_MASK;
      if (age > oldestAge) {
        oldest = at;
        oldestAge = age;
      }
    }
    words[oldest] = ((units & WHEN_MASK) << 16) | fingerprintOf(hash);
  }

  /** Whether a hash was remembered a short time ago; it is forgotten then. */
  take(hash: number, units: number): boolean {
    const words = this.#words;
    const set = this.#setOf(hash);
    const fingerprint = fingerprintOf(hash);
    for (let at = set; at < set + SET_WORDS; at++) {
      const word = words[at];
      if ((word & WHEN_MASK) !== fingerprint) continue;
      words[at] = 0;
      return ((units - (word >>> 16)) & WHEN_MASK) <= VALID_UNITS;
    }
    return false;
  }

  /** First word of a hash's set: by bits that the fingerprint has not, mostly. */
  #setOf(hash: number): number {
    return Math.imul(hash, 0x9e3779b1) >>> 8 & this.#mask;
  }
}

/** Not 0, which is an empty word's. */
function fingerprintOf(hash: number): number {
  return (hash & WHEN_MASK) || 1;
}
