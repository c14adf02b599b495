/**
 * Decides when counts of hits are halved, so that what was popular once makes way: after so many
 * accesses for each entry, as in TinyLFU (Einziger, Friedman, Manes, ACM Transactions on Storage
 * 13(4), 2017).
 *
 * @module
 */

/** Accesses per entry between two halvings, unless a policy says otherwise. */
const ACCESSES_PER_ENTRY_DEFAULT = 10;
/** Accesses between two halvings of a cache with hardly any entries. */
const ACCESSES_MIN = 640;

/** Counts accesses. */
export class Ageing {
  #accessCount = 0;
  readonly #accessesPerEntry: number;

  /** Starts to count. */
  constructor(accessesPerEntry: number = ACCESSES_PER_ENTRY_DEFAULT) {
    this.#accessesPerEntry = accessesPerEntry;
  }

  /** Counts an access; returns whether all counts are to be halved now. */
  isDue(entryCount: number): boolean {
    this.#accessCount += 1;
    if (
      this.#accessCount < ACCESSES_MIN || this.#accessCount < entryCount * this.#accessesPerEntry
    ) {
      return false;
    }
    this.#accessCount = 0;
    return true;
  }

  /** Starts over. */
  reset(): void {
    this.#accessCount = 0;
  }
}
