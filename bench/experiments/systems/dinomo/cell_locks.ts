/**
 * Who holds the cells of keys that several KNs own, in virtual time. The real KNs lock them, too,
 * but a step of theirs takes no virtual time: another one would find every cell unlocked.
 *
 * @module
 */

/** The locks of all cells, by the number of the key. */
export class CellLocks {
  readonly #held = new Set<number>();

  /** Locks the cell of a key; false if somebody holds it. */
  tryTake(key: number): boolean {
    if (this.#held.has(key)) return false;
    this.#held.add(key);
    return true;
  }

  give(key: number): void {
    this.#held.delete(key);
  }
}
