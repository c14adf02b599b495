/**
 * What the store must contain: the seed and the number of updates determine every field of every
 * city, so a process that knows these two numbers can check a store that another process has
 * filled.
 *
 * @module
 */
import { type City, differenceOf, keyOf, revise, type StoredCity } from "./cities.ts";
import { createRandom, createZipfian } from "./zipfian.ts";

/** The store contains something else than it must. */
export class MismatchError extends Error {
  override readonly name: string = "MismatchError";
}

/** The expected state of every city, and the sequence of updates that leads to it. */
export class CityModel {
  /** Keys by city number. */
  readonly keys: readonly string[];
  /** Updates made so far. */
  updateCount = 0;
  readonly #cities: readonly City[];
  readonly #revisions: Uint32Array;
  readonly #drawUpdated: () => number;

  constructor(cities: readonly City[], seed: number) {
    this.keys = cities.map(keyOf);
    this.#cities = cities;
    this.#revisions = new Uint32Array(cities.length);
    this.#drawUpdated = createZipfian(cities.length, createRandom(seed));
  }

  /** Number of cities. */
  get count(): number {
    return this.#cities.length;
  }

  /** Makes the next update; returns the number of the city that it changes. */
  update(): number {
    const city = this.#drawUpdated();
    this.#revisions[city] += 1;
    this.updateCount += 1;
    return city;
  }

  /** Updates that a city has had so far. */
  revisionOf(city: number): number {
    return this.#revisions[city];
  }

  /** A city as it is now. */
  expected(city: number): StoredCity {
    return revise(this.#cities[city], this.#revisions[city]);
  }

  /**
   * Checks a city that was read from the store, field by field.
   *
   * @param revisionMin the least revision that it may have: a read that waits may see updates made
   *   meanwhile
   * @throws {MismatchError} when it is not what it must be
   */
  check(city: number, found: StoredCity | undefined, revisionMin = this.revisionOf(city)): void {
    const key = this.keys[city];
    if (found === undefined) throw new MismatchError(`${key} is missing`);
    const { revision } = found;
    if (!(revision >= revisionMin && revision <= this.revisionOf(city))) {
      throw new MismatchError(
        `${key} must have revision ${revisionMin} to ${this.revisionOf(city)}, got ${revision}`,
      );
    }
    const field = differenceOf(revise(this.#cities[city], revision), found);
    if (field !== undefined) throw new MismatchError(`${key} has a wrong ${field}`);
  }
}
