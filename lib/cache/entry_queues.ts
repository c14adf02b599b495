/**
 * Several queues of entries, with the bytes of each: what S3-FIFO and W-TinyLFU are made of. An
 * entry's mark is the number of its queue.
 *
 * @module
 */
import { valueEntryBytes } from "./cache.ts";
import { EntryQueue } from "./entry_queue.ts";
import type { EntryTable } from "./entry_table.ts";

/** Queues of value entries. */
export class EntryQueues {
  /** Bytes of the entries in each queue. */
  readonly bytes: number[] = [];
  readonly #queues: EntryQueue[] = [];
  readonly #table: EntryTable<unknown>;

  /** Makes so many queues of the table's entries. */
  constructor(table: EntryTable<unknown>, count: number) {
    this.#table = table;
    for (let queue = 0; queue < count; queue++) {
      this.#queues.push(new EntryQueue(table));
      this.bytes.push(0);
    }
  }

  /** The entry that has been in a queue for longest. */
  first(queue: number): number {
    return this.#queues[queue].first;
  }

  /** Adds an entry at the end of a queue. */
  push(queue: number, entry: number): void {
    this.#table.setMark(entry, queue);
    this.#queues[queue].push(entry);
    this.bytes[queue] += this.#bytesOf(entry);
  }

  /** Takes an entry out of its queue. */
  remove(entry: number): void {
    const queue = this.#table.mark(entry);
    this.#queues[queue].remove(entry);
    this.bytes[queue] -= this.#bytesOf(entry);
  }

  /** Moves an entry to the end of a queue. */
  move(entry: number, queue: number): void {
    this.remove(entry);
    this.push(queue, entry);
  }

  /** An entry has grown. */
  noteResized(entry: number, growthBytes: number): void {
    this.bytes[this.#table.mark(entry)] += growthBytes;
  }

  /** Forgets all entries. */
  clear(): void {
    for (const queue of this.#queues) queue.clear();
    this.bytes.fill(0);
  }

  #bytesOf(entry: number): number {
    return valueEntryBytes(this.#table.keyBytes(entry), this.#table.valueBytes(entry));
  }
}
