/**
 * Clover's data in the DPM: for every key a chain of versions, a shortcut that points somewhere
 * into it, and what the metadata server knows about it.
 *
 * A version is a number, 0 the first. A chain is walked from an old version to the newest, one hop
 * for each. The buffer of a version that has been replaced is recycled in the background; what
 * still points at it finds out, by the version in the buffer's header, once the buffer has been
 * written again.
 *
 * @module
 */
import { Fifo } from "../../kernel/fifo.ts";

/** A version that is no longer the newest of its key. */
export interface Replaced {
  readonly key: number;
  readonly version: number;
}

/** All chains. */
export class Chains {
  readonly #newest: Uint32Array;
  readonly #shortcut: Uint32Array;
  readonly #known: Uint32Array;
  readonly #oldest: Uint32Array;
  readonly #recycled = new Fifo<Replaced>();
  #freshCount: number;

  /**
   * @param keyCountMax keys with those that will be inserted
   * @param spareCount buffers beyond one for each key that is there at first
   */
  constructor(keyCountMax: number, spareCount: number) {
    this.#newest = new Uint32Array(keyCountMax);
    this.#shortcut = new Uint32Array(keyCountMax);
    this.#known = new Uint32Array(keyCountMax);
    this.#oldest = new Uint32Array(keyCountMax);
    this.#freshCount = spareCount;
  }

  /** Buffers that can be allocated. */
  get freeCount(): number {
    return this.#freshCount + this.#recycled.size;
  }

  /** The version that a key's shortcut points at. */
  shortcutOf(key: number): number {
    return this.#shortcut[key];
  }

  /** The version that the metadata server would answer. */
  knownOf(key: number): number {
    return this.#known[key];
  }

  isNewest(key: number, version: number): boolean {
    return this.#newest[key] === version;
  }

  /** Whether a version's buffer holds another record by now. */
  isOverwritten(key: number, version: number): boolean {
    return version < this.#oldest[key];
  }

  /** Links a new version behind one, if that is the newest: the compare-and-swap. */
  tryAppend(key: number, version: number): boolean {
    if (!this.isNewest(key, version)) return false;
    this.#newest[key] += 1;
    return true;
  }

  /** Points a key's shortcut at a version. */
  moveShortcut(key: number, version: number): void {
    this.#shortcut[key] = Math.max(this.#shortcut[key], version);
  }

  /** Tells the metadata server of a version. */
  learn(key: number, version: number): void {
    this.#known[key] = Math.max(this.#known[key], version);
  }

  /** Makes the buffer of a replaced version free, behind all that are free already. */
  recycle(replaced: Replaced): void {
    this.#recycled.push(replaced);
  }

  /**
   * Takes a free buffer, fresh ones first; whoever takes it overwrites it. False if there is none.
   */
  allocate(): boolean {
    if (this.#freshCount > 0) {
      this.#freshCount -= 1;
      return true;
    }
    const replaced = this.#recycled.shift();
    if (replaced === undefined) return false;
    const { key, version } = replaced;
    this.#oldest[key] = Math.max(this.#oldest[key], version + 1);
    return true;
  }
}
