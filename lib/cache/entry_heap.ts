/**
 * Entries by how little they are worth: a binary heap whose positions are in the entries' rows, so
 * that one can be found and moved when its worth changes.
 *
 * @module
 */
import {
  ENTRY_HITS,
  ENTRY_POSITION,
  ENTRY_STAMP,
  ENTRY_WORDS,
  type EntryTable,
  NO_ENTRY,
} from "./entry_table.ts";

const COUNT_MIN = 16;

/** A heap; an entry is in one of them at most. */
export abstract class EntryHeap {
  /** Entries in the heap. */
  count = 0;
  protected readonly table: EntryTable<unknown>;
  #entries: Int32Array = new Int32Array(COUNT_MIN);

  /** Makes a heap of the table's entries. */
  constructor(table: EntryTable<unknown>) {
    this.table = table;
  }

  /** Whether entry `a` is worth less than entry `b`, or as little and used longer ago. */
  protected abstract isWorse(a: number, b: number): boolean;

  /** The entry that is worth least. */
  get worst(): number {
    return this.count === 0 ? NO_ENTRY : this.#entries[0];
  }

  /** Adds an entry. */
  push(entry: number): void {
    if (this.count === this.#entries.length) {
      const entries = new Int32Array(this.count * 2);
      entries.set(this.#entries);
      this.#entries = entries;
    }
    this.#put(this.count, entry);
    this.count += 1;
    this.#rise(entry);
  }

  /** Takes an entry out. */
  remove(entry: number): void {
    this.count -= 1;
    const last = this.#entries[this.count];
    if (last === entry) return;
    this.#put(this.#position(entry), last);
    this.update(last);
  }

  /** Puts an entry where it belongs after its worth has changed. */
  update(entry: number): void {
    this.#rise(entry);
    this.#sink(entry);
  }

  /** Puts all entries where they belong after the worth of many has changed. */
  rebuild(): void {
    for (let at = (this.count >>> 1) - 1; at >= 0; at--) this.#sink(this.#entries[at]);
  }

  /** Applies a function to every entry, in no order. */
  forEach(use: (entry: number) => void): void {
    for (let at = 0; at < this.count; at++) use(this.#entries[at]);
  }

  /** Forgets all entries. */
  clear(): void {
    this.count = 0;
    this.#entries = new Int32Array(COUNT_MIN);
  }

  #position(entry: number): number {
    return this.table.words[entry * ENTRY_WORDS + ENTRY_POSITION];
  }

  #put(at: number, entry: number): void {
    this.#entries[at] = entry;
    this.table.words[entry * ENTRY_WORDS + ENTRY_POSITION] = at;
  }

  #rise(entry: number): void {
    let at = this.#position(entry);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const other = this.#entries[parent];
      if (!this.isWorse(entry, other)) break;
      this.#put(at, other);
      at = parent;
    }
    this.#put(at, entry);
  }

  #sink(entry: number): void {
    let at = this.#position(entry);
    for (let child = at * 2 + 1; child < this.count; child = at * 2 + 1) {
      if (child + 1 < this.count && this.isWorse(this.#entries[child + 1], this.#entries[child])) {
        child += 1;
      }
      const other = this.#entries[child];
      if (!this.isWorse(other, entry)) break;
      this.#put(at, other);
      at = child;
    }
    this.#put(at, entry);
  }
}

/** Least frequently used first. */
export class FrequencyHeap extends EntryHeap {
  protected isWorse(a: number, b: number): boolean {
    const { words } = this.table;
    const rowA = a * ENTRY_WORDS;
    const rowB = b * ENTRY_WORDS;
    const difference = words[rowA + ENTRY_HITS] - words[rowB + ENTRY_HITS];
    return difference !== 0
      ? difference < 0
      : ((words[rowA + ENTRY_STAMP] - words[rowB + ENTRY_STAMP]) | 0) < 0;
  }
}

/** Fewest hits for its size first. */
export abstract class DensityHeap extends EntryHeap {
  /** What an entry's hits are divided by; not 0. */
  protected abstract sizeOf(entry: number): number;

  protected isWorse(a: number, b: number): boolean {
    const { words } = this.table;
    const rowA = a * ENTRY_WORDS;
    const rowB = b * ENTRY_WORDS;
    const left = words[rowA + ENTRY_HITS] * this.sizeOf(b);
    const right = words[rowB + ENTRY_HITS] * this.sizeOf(a);
    return left !== right
      ? left < right
      : ((words[rowA + ENTRY_STAMP] - words[rowB + ENTRY_STAMP]) | 0) < 0;
  }
}
