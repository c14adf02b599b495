/**
 * What a KN shows at one moment: the changes of one atomic commit or, where writes are logged, of all
 * that has joined a group from its first commit on (logged_commit.ts).
 *
 * Its records stand one behind the other in one segment, so two addresses say which they are: to the
 * M-node, and to who builds a page of the order anew, and keeps the places of keys that are about to
 * come. No two of them are of one key. When it shows, nothing of it can fail (agent/shown_commit.ts):
 * what new keys need of the index, and of the order, is made ready when they join.
 *
 * Why its members behave as if they were executed one after the other, docs/protocols/commits.md
 * explains.
 *
 * @module
 */
import { ShownCommit } from "../agent/shown_commit.ts";
import type { SlotWriter } from "../agent/slot_writer.ts";
import { assert } from "../core/assert.ts";
import { NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  metaKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** What is done with the record at an index of some words. */
type Visit = (words: Int32Array, at: number, address: PoolAddress) => void;

/** The set of one executor; empty between two steps. */
export class ShownSet {
  readonly #pool: Pool;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;
  readonly #shown: ShownCommit;
  /** The first record, and the unit behind the last one. */
  #first: PoolAddress = NO_ADDRESS;
  #end = 0;
  #isShown = false;

  /** Makes a set without records, of an agent whose slots are changed by a writer. */
  constructor(pool: Pool, agent: number, table: SlotTable, slots: SlotWriter) {
    this.#pool = pool;
    this.#table = table;
    this.#slots = slots;
    this.#shown = new ShownCommit(pool, agent, slots);
  }

  /** Whether there is nothing to show. */
  get isEmpty(): boolean {
    return this.#first === NO_ADDRESS;
  }

  /** Whether a record is one of the set. */
  has(address: PoolAddress): boolean {
    return address >>> 0 < this.#end && address >>> 0 >= this.#first >>> 0;
  }

  /** Whether a record that was reserved behind all others stands in the set's segment. */
  mayHold(address: PoolAddress): boolean {
    return this.isEmpty || this.#pool.segmentOf(address) === this.#pool.segmentOf(this.#first);
  }

  /**
   * Adds records that are complete but for their versions, and say what they replace. Their slots
   * are locked, and none of them is one of the set's.
   *
   * @param first the first of them
   * @param words words of all of them
   * @returns false when the index has no room for new keys; they are not added then
   */
  add(first: PoolAddress, words: number): boolean {
    const end = (first >>> 0) + (words >>> 1);
    assert(this.isEmpty || first >>> 0 === this.#end, "a set is one range of the log");
    // From here on who builds a page of the order anew keeps the places of their keys.
    this.#shown.note(this.isEmpty ? first : this.#first, (end | 0) as PoolAddress);
    if (!this.#makeRoom(first, end)) {
      if (this.isEmpty) this.#shown.end();
      else this.#shown.note(this.#first, (this.#end | 0) as PoolAddress);
      return false;
    }
    if (this.isEmpty) this.#first = first;
    this.#end = end;
    return true;
  }

  /** Has all keys changed, at one moment; they are durable by then. */
  show(): void {
    if (this.#isShown) return;
    this.#isShown = true;
    this.#shown.show();
  }

  /** Counts the records as dead, which will not be shown. */
  bury(): void {
    this.#forEach(this.#first, this.#end, (words, at, address) => {
      if (metaKind(words[at + RECORD_META]) === RecordKind.PUT) this.#slots.bury(address);
    });
  }

  /** Forgets all of it, when it has been answered. */
  end(): void {
    if (this.isEmpty) return;
    this.#shown.end();
    this.#first = NO_ADDRESS;
    this.#end = 0;
    this.#isShown = false;
  }

  /** Sees to it that the index has room for all new keys; false if there is none. */
  #makeRoom(first: PoolAddress, end: number): boolean {
    let slotAt = 0;
    let hashes: number[] = [];
    let hasRoom = true;
    const makeRoom = () => hasRoom &&= hashes.length === 0 || this.#table.makeRoom(slotAt, hashes);
    this.#forEachNewKey(first, end, (hash) => {
      const ownAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
      if (ownAt !== slotAt) {
        makeRoom();
        hashes = [];
        slotAt = ownAt;
      }
      hashes.push(hash);
    });
    return makeRoom() && (slotAt === 0 || this.#enterOrder(first, end));
  }

  /** Gives all new keys their places in the order of the keys, if there is one. */
  #enterOrder(first: PoolAddress, end: number): boolean {
    const table = this.#table;
    const entered: PoolAddress[] = [];
    let hasRoom = true;
    this.#forEachNewKey(first, end, (_, address) => {
      hasRoom &&= table.enterOrder(address);
      if (hasRoom) entered.push(address);
    });
    if (!hasRoom) { for (const address of entered) table.leaveOrder(address); }
    return hasRoom;
  }

  #forEachNewKey(
    first: PoolAddress,
    end: number,
    visit: (hash: number, address: PoolAddress) => void,
  ): void {
    this.#forEach(first, end, (words, at, address) => {
      const isNew = words[at + RECORD_REPLACES] === NO_ADDRESS &&
        metaKind(words[at + RECORD_META]) === RecordKind.PUT;
      if (isNew) visit(words[at + RECORD_HASH], address);
    });
  }

  #forEach(first: PoolAddress, end: number, visit: Visit): void {
    for (let next = first >>> 0; next < end;) {
      const address = (next | 0) as PoolAddress;
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      next += recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]) >>> 1;
      visit(words, at, address);
    }
  }
}
