/**
 * What a group of a far KN (merged_commit.ts) does to keys that several KNs own: locks their cells,
 * and points them at what it has logged.
 *
 * A cell is locked by the first request of the group that may change its key, until the group is
 * answered; routing/cells.ts says why that is safe. Many changes of one key share the lock: the
 * cell is pointed at the last of them.
 *
 * No KN waits for a cell while it holds another one: it tries once, or for a CLEAR, which needs all
 * cells of its slot, for about a millisecond, and the group ends if that fails. Mergers and
 * cleaners lock no cell. So no two threads wait for each other for longer than that.
 *
 * **Refused once, refused ever** (I4). A request is refused when the cell's lock word, or the word
 * by which clients route to it, is another one than its own. Neither ever becomes the same again.
 * So whatever comes behind a refused request by the same word is refused, too, reads included, and
 * also those that need not look at the cell.
 *
 * Reads of one key share what the first of them in the step has read of the cell. That is not too
 * old for any of them: what a step executes was sent before it began. (A read that comes after a
 * change in the same group waits for the end of the group.)
 *
 * What it costs: a lock is a compare-and-swap (each attempt; between two attempts it waits until
 * the lock seems free, which a remote pool would have it do without asking), what the cell says is
 * a read, and new address, version and unlocked word, which are neighbours, are one write. A read
 * of the key is a read of the cell, and one of the record unless this KN has that record's value in
 * its cache, with the same address and generation: then it is the same record.
 *
 * @module
 */
import { type CellId, NO_ADDRESS, type OwnerWord, type PoolAddress } from "../../core/brands.ts";
import type { Slot } from "../../core/brands.ts";
import { CELL_COUNT } from "../../core/limits.ts";
import {
  metaKind,
  metaWithVersionHigh,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VERSION_LOW,
  RecordKind,
} from "../../log/record_layout.ts";
import type { KeyWords } from "../../log/record_key.ts";
import { CELL_ADDRESS, CELL_LOCK, CELL_READ_WORDS } from "../../pool/cell_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { VerbCounter, type Verbs } from "../../pool/verbs.ts";
import { cellOf, cellVersion, forEachCellOf, loadRoute, pointCell } from "../../routing/cells.ts";
import {
  heldBy,
  HOLDER_MASK,
  Lock,
  LOCK_POLLS_MAX,
  lockAnySlot,
  unlockSlot,
} from "../../routing/ownership.ts";
import type { FarLookup } from "./far_lookup.ts";

/** What a read of a cell came to. */
export const CellRead = { FOUND: 0, ABSENT: 1, MOVED: 2 } as const;
/** One of {@linkcode CellRead}. */
export type CellRead = typeof CellRead[keyof typeof CellRead];

/** Bytes that say where the newest record is, and unlock the cell. */
const POINT_BYTES = CELL_READ_WORDS * 4;
/** Not the word of any cell. */
const NOT_HELD = 0;

/** The cells of one KN's group; none is held between two steps. */
export class CellGroup {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #agent: number;
  readonly #verbs: Verbs;
  readonly #lookup: FarLookup;
  readonly #scratch: Int32Array = new Int32Array(CELL_READ_WORDS);
  #held: CellId[] = [];
  /** By cell: the word that it was locked by, and what it is to say when the group is logged. */
  readonly #heldUnder: Int32Array = new Int32Array(CELL_COUNT).fill(NOT_HELD);
  readonly #versions: Float64Array = new Float64Array(CELL_COUNT);
  readonly #newest: Int32Array = new Int32Array(CELL_COUNT);
  readonly #isChanged: Uint8Array = new Uint8Array(CELL_COUNT);
  /**
   * By cell: the word by which it was read in this step, and where it has said that the record is,
   * in which life of the segment.
   */
  readonly #readUnder: Int32Array = new Int32Array(CELL_COUNT).fill(NOT_HELD);
  readonly #addresses: Int32Array = new Int32Array(CELL_COUNT);
  readonly #generations: Int32Array = new Int32Array(CELL_COUNT);
  #hasRead = false;

  /** Works for the KN of an agent block. */
  constructor(pool: Pool, agent: number, verbs: Verbs, lookup: FarLookup) {
    this.#pool = pool;
    this.#control = pool.control;
    this.#agent = agent;
    this.#verbs = verbs;
    this.#lookup = lookup;
  }

  /** Whether the group holds a cell. */
  get hasAny(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Locks a cell until the end of the group, by the word that a request was routed by; returns one
   * of `Lock`.
   */
  lock(word: OwnerWord): number {
    const cell = cellOf(word);
    const held = this.#heldUnder[cell];
    if (held !== NOT_HELD) return held === word ? Lock.TAKEN : Lock.MOVED;
    const lock = this.#lockCell(cell, word);
    if (lock === Lock.TAKEN) this.#hold(cell, word);
    return lock;
  }

  /**
   * Locks all cells of a slot's keys, for a CLEAR of the slot, which this KN has locked.
   *
   * @returns the newest version of any of them, 0 if there are none; -1 when another agent holds
   *   one
   */
  lockAllOf(slot: Slot): number {
    const cells: CellId[] = [];
    forEachCellOf(this.#pool, slot, (cell) => cells.push(cell));
    let newest = 0;
    for (const cell of cells) {
      if (this.#heldUnder[cell] === NOT_HELD) {
        const at = this.#pool.cellAt(cell) + CELL_LOCK;
        const word = lockAnySlot(this.#control, at, this.#agent);
        if (word === undefined) return -1;
        this.#verbs.count(VerbCounter.COMPARE_AND_SWAPS, 1);
        this.#hold(cell, word);
      }
      newest = Math.max(newest, this.#versions[cell]);
    }
    return newest;
  }

  /** Says that a CLEAR of a slot has been appended, whose cells are locked. */
  clear(slot: Slot, version: number): void {
    forEachCellOf(this.#pool, slot, (cell) => this.#change(cell, NO_ADDRESS, version));
  }

  /**
   * Forgets what was read of cells: to be called after it has been seen which requests a step
   * executes.
   */
  forget(): void {
    if (!this.#hasRead) return;
    this.#readUnder.fill(NOT_HELD);
    this.#hasRead = false;
  }

  /** Finds the newest put of a key, in the lookup's `found`, for a request that only reads. */
  read(word: OwnerWord, key: KeyWords): CellRead {
    const cell = cellOf(word);
    if (!this.#isRoutedBy(cell, word)) return CellRead.MOVED;
    if (this.#readUnder[cell] === word) {
      const address = this.#addresses[cell] as PoolAddress;
      if (address === NO_ADDRESS) return CellRead.ABSENT;
      if (this.#lookup.findAt(key, address, this.#generations[cell])) return CellRead.FOUND;
    }
    return this.find(word, key);
  }

  /** Finds the newest put of a key as of now, in the lookup's `found`. */
  find(word: OwnerWord, key: KeyWords): CellRead {
    const cell = cellOf(word);
    const at = this.#pool.cellAt(cell);
    for (;;) {
      if (!this.#isOf(at, word)) return CellRead.MOVED;
      this.#readCell(at);
      const address = Atomics.load(this.#control, at + CELL_ADDRESS) as PoolAddress;
      const generation = this.#pool.loadGeneration(this.#pool.segmentOf(address));
      // If it still points there, the record was live when the generation was loaded; and the cell
      // was the key's all the time.
      const isSame = Atomics.load(this.#control, at + CELL_ADDRESS) === address;
      if (!this.#isOf(at, word)) return CellRead.MOVED;
      if (!isSame) continue;
      this.#readUnder[cell] = word;
      this.#addresses[cell] = address;
      this.#generations[cell] = generation;
      this.#hasRead = true;
      if (address === NO_ADDRESS) return CellRead.ABSENT;
      if (this.#lookup.findAt(key, address, generation)) return CellRead.FOUND;
    }
  }

  /**
   * Gives a record that has been appended the next version of its key, whose cell the group holds
   * (I9).
   */
  stamp(word: OwnerWord, address: PoolAddress): void {
    const cell = cellOf(word);
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const version = this.#versions[cell] + 1;
    words[at + RECORD_VERSION_LOW] = version | 0;
    const versionHigh = Math.floor(version / 2 ** 32);
    words[at + RECORD_META] = metaWithVersionHigh(words[at + RECORD_META], versionHigh);
    words[at + RECORD_REPLACES] = NO_ADDRESS;
    const isPut = metaKind(words[at + RECORD_META]) === RecordKind.PUT;
    this.#change(cell, isPut ? address : NO_ADDRESS, version);
  }

  /** Points the cells at what the group has logged. From here on every reader sees it. */
  point(): void {
    for (const cell of this.#held) {
      if (this.#isChanged[cell] === 0) continue;
      const address = this.#newest[cell] as PoolAddress;
      pointCell(this.#pool, cell, address, this.#versions[cell]);
    }
  }

  /** Unlocks all of them, when the group is answered. */
  release(): void {
    for (const cell of this.#held) {
      this.#verbs.write(POINT_BYTES);
      const at = this.#pool.cellAt(cell) + CELL_LOCK;
      unlockSlot(this.#control, at, this.#heldUnder[cell] as OwnerWord);
      this.#heldUnder[cell] = NOT_HELD;
      this.#isChanged[cell] = 0;
    }
    this.#held = [];
  }

  #lockCell(cell: CellId, word: OwnerWord): number {
    const at = this.#pool.cellAt(cell) + CELL_LOCK;
    const pollsMax = this.#held.length > 0 ? 1 : LOCK_POLLS_MAX;
    const held = heldBy(word, this.#agent);
    // While a KN that is gone holds it, requests wait at their clients: here they would keep others
    // waiting.
    if (loadRoute(this.#pool, cell) !== word) return Lock.MOVED;
    let seen = Atomics.load(this.#control, at);
    for (let i = 0; i < pollsMax; i++) {
      if ((seen & ~HOLDER_MASK) !== word) return Lock.MOVED;
      if (seen === word) {
        seen = this.#verbs.compareAndSwap(this.#control, at, word, held);
        if (seen === word) return Lock.TAKEN;
      } else seen = Atomics.load(this.#control, at);
    }
    return Lock.BUSY;
  }

  #hold(cell: CellId, word: OwnerWord): void {
    this.#readCell(this.#pool.cellAt(cell));
    this.#heldUnder[cell] = word;
    this.#versions[cell] = cellVersion(this.#pool, cell);
    this.#isChanged[cell] = 0;
    this.#held.push(cell);
  }

  #change(cell: CellId, newest: PoolAddress, version: number): void {
    this.#versions[cell] = version;
    this.#newest[cell] = newest;
    this.#isChanged[cell] = 1;
  }

  /** Whether a request that was routed by a word is still to be executed. */
  #isRoutedBy(cell: CellId, word: OwnerWord): boolean {
    return loadRoute(this.#pool, cell) === word && this.#isOf(this.#pool.cellAt(cell), word);
  }

  #isOf(at: number, word: OwnerWord): boolean {
    return (Atomics.load(this.#control, at + CELL_LOCK) & ~HOLDER_MASK) === word;
  }

  #readCell(at: number): void {
    this.#verbs.read(this.#control, at, this.#scratch, 0, CELL_READ_WORDS);
  }
}
