/**
 * What a KN shows at one moment: the changes of one atomic commit or, where writes are logged, of
 * all that has joined a group from its first commit on (logged_commit.ts).
 *
 * Its records stand one behind the other in one segment, so two addresses say which they are: to
 * the M-node, and to who builds a page of the order anew, and keeps the places of keys that are
 * about to come. No two of them are of one key. When it shows, nothing of it can fail
 * (agent/shown_commit.ts): what new keys need of the index, and of the order, is made ready when
 * they join.
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
  RecordKind,
} from "../log/record_layout.ts";
import { CommitState } from "../pool/commit_state.ts";
import type { Pool } from "../pool/pool.ts";

/** The set of one executor, which the agent's words say; empty between two steps. */
export class ShownSet {
  readonly #pool: Pool;
  readonly #table: SlotTable;
  readonly #slots: SlotWriter;
  readonly #shown: ShownCommit;

  /** Makes a set without records, of an agent whose slots are changed by a writer. */
  constructor(pool: Pool, agent: number, table: SlotTable, slots: SlotWriter) {
    this.#pool = pool;
    this.#table = table;
    this.#slots = slots;
    this.#shown = new ShownCommit(pool, agent, slots);
  }

  /** Whether there is nothing to show. */
  get isEmpty(): boolean {
    return this.#shown.first === NO_ADDRESS;
  }

  /** Whether a record is one of the set. */
  has(address: PoolAddress): boolean {
    return this.#shown.has(address);
  }

  /** Whether a record that was reserved behind all others stands in the set's segment. */
  mayHold(address: PoolAddress): boolean {
    return this.isEmpty ||
      this.#pool.segmentOf(address) === this.#pool.segmentOf(this.#shown.first);
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
    const shown = this.#shown;
    const { isEmpty } = this;
    const { first: begin, end } = shown;
    assert(isEmpty || first === end, "a set is one range of the log");
    // From here on who builds a page of the order anew keeps the places of their keys.
    shown.note(isEmpty ? first : begin, ((first + (words >>> 1)) | 0) as PoolAddress);
    if (this.#makeRoom(first)) return true;
    if (isEmpty) shown.forget();
    else shown.note(begin, end);
    return false;
  }

  /**
   * Has all keys changed, at one moment, unless that was done; they are durable by then.
   *
   * @returns whether it was not done
   */
  show(): boolean {
    if (this.#shown.state === CommitState.DONE) return false;
    this.#shown.show();
    return true;
  }

  /** Calls `visit` with the address of each record. */
  forEach(visit: (address: PoolAddress) => void): void {
    this.#shown.forEach(visit);
  }

  /** Counts the records as dead, which will not be shown. */
  bury(): void {
    this.#shown.forEach((address) => {
      if (this.#isPut(address)) this.#slots.bury(address);
    });
  }

  /** Forgets all of it, when it has been answered. */
  end(): void {
    if (!this.isEmpty) this.#shown.forget();
  }

  /** Sees to it that the index has room for all new keys; false if there is none. */
  #makeRoom(first: PoolAddress): boolean {
    let slotAt = 0;
    let hashes: number[] = [];
    let hasRoom = true;
    const makeRoom = () => hasRoom &&= hashes.length === 0 || this.#table.makeRoom(slotAt, hashes);
    this.#forEachNewKey(first, (hash) => {
      const ownAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
      if (ownAt !== slotAt) {
        makeRoom();
        hashes = [];
        slotAt = ownAt;
      }
      hashes.push(hash);
    });
    return makeRoom() && (slotAt === 0 || this.#enterOrder(first));
  }

  /** Gives all new keys their places in the order of the keys, if there is one. */
  #enterOrder(first: PoolAddress): boolean {
    const table = this.#table;
    const entered: PoolAddress[] = [];
    let hasRoom = true;
    this.#forEachNewKey(first, (_, address) => {
      hasRoom &&= table.enterOrder(address);
      if (hasRoom) entered.push(address);
    });
    if (!hasRoom) { for (const address of entered) table.leaveOrder(address); }
    return hasRoom;
  }

  /** Calls `visit` for each new key of the records from one of them on. */
  #forEachNewKey(first: PoolAddress, visit: (hash: number, address: PoolAddress) => void): void {
    this.#shown.forEach((address) => {
      const words = this.#pool.wordsOf(address);
      const at = this.#pool.wordAt(address);
      if (words[at + RECORD_REPLACES] !== NO_ADDRESS || !this.#isPut(address)) return;
      visit(words[at + RECORD_HASH], address);
    }, first);
  }

  #isPut(address: PoolAddress): boolean {
    const meta = this.#pool.wordsOf(address)[this.#pool.wordAt(address) + RECORD_META];
    return metaKind(meta) === RecordKind.PUT;
  }
}
