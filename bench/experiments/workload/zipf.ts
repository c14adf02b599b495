/**
 * Ranks with a Zipf distribution of any exponent: rank r of n is drawn in proportion to 1 / (r +
 * 1)^s. Exactly, by Walker's method of aliases (Walker 1977, Vose 1991): one table of the size of
 * the key space, and two random numbers for a draw.
 *
 * YCSB's generator, which the comparison with other stores uses (bench/workloads/zipfian.ts), is an
 * approximation for exponents below 1.
 *
 * @module
 */
import type { Random } from "../../workloads/random.ts";

/** The shares that the aliases are made of, and the draw. */
export class Zipf {
  readonly #keep: Float64Array;
  readonly #alias: Uint32Array;

  constructor(itemCount: number, exponent: number) {
    const weights = Float64Array.from({ length: itemCount }, (_, rank) => (rank + 1) ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#keep = weights.map((weight) => weight / total * itemCount);
    this.#alias = new Uint32Array(itemCount);
    const small: number[] = [];
    const large: number[] = [];
    this.#keep.forEach((share, rank) => (share < 1 ? small : large).push(rank));
    while (small.length > 0 && large.length > 0) {
      const poor = small.pop()!;
      const rich = large[large.length - 1];
      this.#alias[poor] = rich;
      this.#keep[rich] -= 1 - this.#keep[poor];
      if (this.#keep[rich] < 1) small.push(large.pop()!);
    }
    // What is left over is 1 but for rounding.
    for (const rank of [...small, ...large]) this.#keep[rank] = 1;
  }

  /** A rank; 0 is the most popular. */
  draw(random: Random): number {
    const place = Math.floor(random() * this.#keep.length);
    return random() < this.#keep[place] ? place : this.#alias[place];
  }
}
