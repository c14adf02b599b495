/**
 * A bounded map from keys to versions that forgets the one that has not been used for longest: what
 * a KN of Clover caches. (The version of Clover that the authors of DINOMO measured evicts in the
 * order of insertion, which hits less.)
 *
 * @module
 */

const NONE = -1;

/**
 * A cache of a fixed number of entries: a ring of places, from the one used last to the one to be
 * forgotten.
 */
export class ShortcutCache {
  readonly #places = new Map<number, number>();
  readonly #keys: Int32Array;
  readonly #versions: Uint32Array;
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  /** The place used last; the one that is newer than it is the one to be forgotten. */
  #last = 0;

  /**
   * @param entryCount entries that there is room for, at least one
   */
  constructor(entryCount: number) {
    this.#keys = new Int32Array(entryCount).fill(NONE);
    this.#versions = new Uint32Array(entryCount);
    const next = (place: number) => (place + 1) % entryCount;
    this.#newer = Int32Array.from({ length: entryCount }, (_, place) => next(place));
    this.#older = new Int32Array(entryCount);
    this.#newer.forEach((newer, place) => this.#older[newer] = place);
  }

  get size(): number {
    return this.#places.size;
  }

  /** The version that is cached for a key, or -1; uses the entry. */
  find(key: number): number {
    const place = this.#places.get(key);
    if (place === undefined) return NONE;
    this.#use(place);
    return this.#versions[place];
  }

  /** Caches a version; uses the entry. */
  keep(key: number, version: number): void {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#newer[this.#last];
      if (this.#keys[place] !== NONE) this.#places.delete(this.#keys[place]);
      this.#keys[place] = key;
      this.#places.set(key, place);
    }
    this.#versions[place] = version;
    this.#use(place);
  }

  #use(place: number): void {
    if (place === this.#last) return;
    const oldest = this.#newer[this.#last];
    if (place !== oldest) {
      const newer = this.#newer[place];
      const older = this.#older[place];
      this.#newer[older] = newer;
      this.#older[newer] = older;
      this.#newer[this.#last] = place;
      this.#older[place] = this.#last;
      this.#newer[place] = oldest;
      this.#older[oldest] = place;
    }
    this.#last = place;
  }
}
