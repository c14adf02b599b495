/**
 * A queue of entries, linked through their rows: the order in which they were used, or came.
 *
 * @module
 */
import {
  ENTRY_NEXT,
  ENTRY_PREVIOUS,
  ENTRY_WORDS,
  type EntryTable,
  NO_ENTRY,
} from "./entry_table.ts";

/** A queue; an entry is in one of them, or in a heap, at most. */
export class EntryQueue {
  /** The entry that has been in the queue for longest. */
  first: number = NO_ENTRY;
  /** Entries in the queue. */
  count = 0;
  #last = NO_ENTRY;
  readonly #table: EntryTable<unknown>;

  /** Makes a queue of the table's entries. */
  constructor(table: EntryTable<unknown>) {
    this.#table = table;
  }

  /** Adds an entry at the end. */
  push(entry: number): void {
    const { words } = this.#table;
    const row = entry * ENTRY_WORDS;
    words[row + ENTRY_PREVIOUS] = this.#last;
    words[row + ENTRY_NEXT] = NO_ENTRY;
    if (this.#last === NO_ENTRY) this.first = entry;
    else words[this.#last * ENTRY_WORDS + ENTRY_NEXT] = entry;
    this.#last = entry;
    this.count += 1;
  }

  /** Takes an entry out, wherever it is. */
  remove(entry: number): void {
    const { words } = this.#table;
    const previous = words[entry * ENTRY_WORDS + ENTRY_PREVIOUS];
    const next = words[entry * ENTRY_WORDS + ENTRY_NEXT];
    if (previous === NO_ENTRY) this.first = next;
    else words[previous * ENTRY_WORDS + ENTRY_NEXT] = next;
    if (next === NO_ENTRY) this.#last = previous;
    else words[next * ENTRY_WORDS + ENTRY_PREVIOUS] = previous;
    this.count -= 1;
  }

  /** Moves an entry to the end. */
  renew(entry: number): void {
    if (entry === this.#last) return;
    this.remove(entry);
    this.push(entry);
  }

  /** The entry behind another one. */
  next(entry: number): number {
    return this.#table.words[entry * ENTRY_WORDS + ENTRY_NEXT];
  }

  /** Forgets all entries. */
  clear(): void {
    this.first = this.#last = NO_ENTRY;
    this.count = 0;
  }
}
