/**
 * What is in flight, by its number: those that are there at one time have numbers near each other.
 *
 * A `Map` of which entries come and go makes a table anew every so often, and lets the old one
 * refer to it. Once one of these dead tables is old, the garbage collector of V8 keeps all later
 * ones, and what was in them, until it goes through the whole heap: that took as long as the
 * requests.
 *
 * @module
 */

import { assert } from "../core/assert.ts";

/** What has a number, from 1. */
export interface HasNumber {
  readonly number: number;
}

/** Places at first, a power of two. */
const PLACES_MIN = 64;

/** Things by their numbers. */
export class Numbered<Thing extends HasNumber> {
  /** One with a number is at its remainder. */
  #places: (Thing | undefined)[] = placesOf(PLACES_MIN);
  #size = 0;
  /** No number below it is there. */
  #lowest = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): Thing | undefined {
    const thing = this.#places[number & (this.#places.length - 1)];
    return thing?.number === number ? thing : undefined;
  }

  /** Adds one whose number is not there. */
  add(thing: Thing): void {
    const { number } = thing;
    assert(this.get(number) === undefined, "a number is given once");
    while (this.#places[number & (this.#places.length - 1)] !== undefined) this.#grow();
    this.#places[number & (this.#places.length - 1)] = thing;
    this.#lowest = this.#size === 0 ? number : Math.min(this.#lowest, number);
    this.#size += 1;
  }

  /** Removes the one with a number, if it is there. */
  delete(number: number): void {
    if (this.get(number) === undefined) return;
    this.#places[number & (this.#places.length - 1)] = undefined;
    this.#size -= 1;
  }

  clear(): void {
    this.#places = placesOf(PLACES_MIN);
    this.#size = 0;
  }

  /** The lowest number that is there; undefined if there is none. */
  get lowest(): number | undefined {
    if (this.#size === 0) return undefined;
    while (this.get(this.#lowest) === undefined) this.#lowest += 1;
    return this.#lowest;
  }

  /** All of them, in the order of their numbers. */
  all(): Thing[] {
    return this.#places.filter((thing) => thing !== undefined)
      .sort((one, other) => one.number - other.number);
  }

  #grow(): void {
    const things = this.all();
    this.#places = placesOf(this.#places.length * 2);
    const mask = this.#places.length - 1;
    for (const thing of things) this.#places[thing.number & mask] = thing;
  }
}

function placesOf<Thing>(count: number): (Thing | undefined)[] {
  return new Array<Thing | undefined>(count).fill(undefined);
}
