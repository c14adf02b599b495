/**
 * Which record a YCSB request is for, and how the records grow by inserts. Draws are made
 * beforehand: a power of a fraction costs as much as a fast read.
 *
 * @module
 */
import type { Random } from "./random.ts";
import { makeKey } from "./records.ts";
import { createScrambledZipfian, createZipfian } from "./zipfian.ts";

/** Draws made beforehand, then used again from the start; a power of two. */
const DRAW_COUNT = 1 << 17;

/** More inserts than clients can have in flight; a power of two. */
const WINDOW_SIZE = 1 << 12;

export class KeyChooser {
  readonly #scrambled: Uint32Array;
  readonly #ranks: Uint32Array;
  readonly #keys: string[] = [];
  readonly #acknowledged = new Uint8Array(WINDOW_SIZE);
  readonly #keyCountMax: number;
  #draw = 0;
  #issuedCount: number;
  /** Every record with a lower index has been inserted. */
  #insertedCount: number;

  constructor(random: Random, keyCount: number, keyCountMax: number) {
    const scrambled = createScrambledZipfian(random, keyCount);
    const rank = createZipfian(random, keyCount);
    this.#scrambled = Uint32Array.from({ length: DRAW_COUNT }, scrambled);
    this.#ranks = Uint32Array.from({ length: DRAW_COUNT }, rank);
    for (let index = 0; index < keyCount; index++) this.#keys.push(makeKey(index));
    this.#issuedCount = keyCount;
    this.#insertedCount = keyCount;
    this.#keyCountMax = keyCountMax;
  }

  /** A popular key among those loaded, wherever it is. */
  scrambledKey(): string {
    return this.#keys[this.#scrambled[this.#draw++ & (DRAW_COUNT - 1)]];
  }

  /** A recently inserted key; the popularity of older ones falls with their age. */
  latestKey(): string {
    return this.#keys[this.#insertedCount - 1 - this.#ranks[this.#draw++ & (DRAW_COUNT - 1)]];
  }

  /**
   * The index of a new record. Once the store has as many as it was made for, the newest is written
   * again: some peers have no room for more.
   */
  issueInsert(): number {
    if (this.#issuedCount === this.#keyCountMax) return this.#keyCountMax - 1;
    const index = this.#issuedCount++;
    this.#keys[index] = makeKey(index);
    return index;
  }

  keyAt(index: number): string {
    return this.#keys[index];
  }

  /** Lets reads choose the record once it, and every one before it, has been inserted. */
  acknowledgeInsert(index: number): void {
    if (index < this.#insertedCount) return;
    this.#acknowledged[index & (WINDOW_SIZE - 1)] = 1;
    let next = this.#insertedCount & (WINDOW_SIZE - 1);
    while (this.#acknowledged[next] === 1) {
      this.#acknowledged[next] = 0;
      this.#insertedCount++;
      next = this.#insertedCount & (WINDOW_SIZE - 1);
    }
  }
}
