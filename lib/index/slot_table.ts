/**
 * Changes to a slot's hash table, made under the slot's lock while readers go on.
 *
 * Why that is safe (I6, I8): every change that readers can see is one atomic store.
 *
 * - *Insert* fills an empty pair, tag first and address last: until the address is there the pair
 *   is empty.
 * - *Update* replaces an address by an address; *remove* replaces it by 0.
 * - A table that becomes too full *doubles*: see table_growth.ts.
 *
 * A pair that does not belong to its bucket is a leftover of a doubling that was interrupted. No
 * reader looks for it there; it is skipped here.
 *
 * A thread that dies in any of this leaves a table in which readers find everything (I8), but which
 * no writer may change before it has been repaired: see table_repair.ts.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { keyEquals } from "../log/record_layout.ts";
import {
  AGENT_KEYS_ADDED,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { ChangeKind } from "../watch/change_ring.ts";
import { tellChange } from "../watch/watch_marks.ts";
import { insertIntoChain } from "./bucket_chain.ts";
import {
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  pairCount,
  setPairCount,
} from "./bucket_layout.ts";
import { makeChainRoom } from "./chain_room.ts";
import type { IndexSpace } from "./index_space.ts";
import { bucketAt, bucketIndex, metaLog2 } from "./slot_extents.ts";
import { TableGrowth } from "./table_growth.ts";
import { repairTable } from "./table_repair.ts";

/**
 * What keeps the keys of a pool in order, beside the tables: told of each key that comes or goes,
 * and of nothing else. What it knows is always as much as the tables hold, or more: it is told of a
 * key before that is in a table, and when it is in none any more. So a thread that dies in between
 * leaves more than there is, which does no harm.
 */
export interface KeyOrder {
  /** Adds the key of a record; false when there is no room. Nothing changes if it is there. */
  insert(record: PoolAddress): boolean;
  /** Takes the key of a record out, which is still readable. Nothing changes if it is not there. */
  remove(record: PoolAddress): void;
  /** Gives back the memory that this thread has kept for its next changes. */
  returnPages(): void;
}

/**
 * The writer's view of the slots' tables. Every method expects the slot to be locked by the caller.
 */
export class SlotTable {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #space: IndexSpace;
  readonly #growth: TableGrowth;
  readonly #order: KeyOrder | undefined;
  /** Where the agent counts the keys that it adds: see key_count.ts. */
  readonly #keysAddedAt: number;
  /** Place of the pair that the last successful {@linkcode find} found: its address word. */
  #foundRegion: Int32Array;
  #foundAt = 0;

  /**
   * Operates on a pool's tables, with buckets from `space`.
   *
   * @param order of the keys, in a pool that has one and whose keys may come or go by this
   */
  constructor(pool: Pool, space: IndexSpace, order?: KeyOrder) {
    this.#pool = pool;
    this.#order = order;
    this.#control = pool.control;
    this.#space = space;
    this.#growth = new TableGrowth(pool, space);
    this.#keysAddedAt = pool.agentAt(space.agent) + AGENT_KEYS_ADDED;
    this.#foundRegion = pool.index[0];
  }

  /**
   * Finds the record of a key, and remembers its pair for {@linkcode swing} and {@linkcode remove}.
   *
   * @returns its address, or `NO_ADDRESS`
   */
  find(
    slotAt: number,
    hash: number,
    keyWords: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): PoolAddress {
    const pool = this.#pool;
    const meta = this.#control[slotAt + SLOT_META];
    let bucket = bucketAt(this.#control, slotAt, bucketIndex(hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash) continue;
        const address = region[word + 1] as PoolAddress;
        if (address === NO_ADDRESS) continue;
        if (keyEquals(pool.wordsOf(address), pool.wordAt(address), keyWords, keyAt, keyBytes)) {
          this.#foundRegion = region;
          this.#foundAt = word + 1;
          return address;
        }
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
    }
    return NO_ADDRESS;
  }

  /** Finds the pair that holds exactly this address, and remembers it. */
  findAddress(slotAt: number, hash: number, address: PoolAddress): boolean {
    const meta = this.#control[slotAt + SLOT_META];
    let bucket = bucketAt(this.#control, slotAt, bucketIndex(hash, meta));
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] === hash && region[word + 1] === address) {
          this.#foundRegion = region;
          this.#foundAt = word + 1;
          return true;
        }
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
    }
    return false;
  }

  /** Points the pair found last at another record. Publishes that record. */
  swing(from: PoolAddress, to: PoolAddress): void {
    this.move(from, to);
    this.tell(this.#foundRegion[this.#foundAt - 1], to, ChangeKind.PUT);
  }

  /** The same for a record that says the same at another place. */
  move(from: PoolAddress, to: PoolAddress): void {
    // The lock makes this exclusive; the comparison proves it.
    const seen = Atomics.compareExchange(this.#foundRegion, this.#foundAt, from, to);
    assert(seen === from, "only the lock holder changes a slot's pairs");
  }

  /** Count of the pair found last, in a pool that evicts. */
  get foundCount(): number {
    return pairCount(this.#foundRegion, this.#foundAt);
  }

  set foundCount(count: number) {
    setPairCount(this.#foundRegion, this.#foundAt, count);
  }

  /** Empties the pair found last, whose record is not buried yet. */
  remove(slotAt: number): void {
    const record = this.#foundRegion[this.#foundAt] as PoolAddress;
    this.takeOut(slotAt);
    this.tell(this.#foundRegion[this.#foundAt - 1], record, ChangeKind.DELETE);
  }

  /** The same for a change that is told of later. */
  takeOut(slotAt: number): void {
    const record = this.#foundRegion[this.#foundAt] as PoolAddress;
    Atomics.store(this.#foundRegion, this.#foundAt, NO_ADDRESS);
    this.#control[slotAt + SLOT_RECORD_COUNT] -= 1;
    this.#control[this.#keysAddedAt] -= 1;
    // From here on no table leads to the key.
    this.#order?.remove(record);
  }

  /**
   * Tells those who watch a key that it has changed.
   *
   * @param address the record that was put, or is gone
   * @param kind one of `ChangeKind`
   */
  tell(hash: number, address: PoolAddress, kind: number): void {
    tellChange(this.#pool, this.#space.agent, hash, address, kind);
  }

  /**
   * Adds a pair for a key that is not in the table. Publishes its record.
   *
   * @param count with which the pair begins, in a pool that evicts
   * @returns false when the index has no room, or the order; nothing has changed then
   */
  insert(slotAt: number, hash: number, address: PoolAddress, count = 0): boolean {
    if (!this.#growth.makeRoom(slotAt, 1)) return false;
    // Before a reader can find the key it has its place in the order.
    if (!this.enterOrder(address)) return false;
    if (!this.insertPrepared(slotAt, hash, address, count)) {
      this.leaveOrder(address);
      return false;
    }
    this.tell(hash, address, ChangeKind.PUT);
    return true;
  }

  /**
   * Adds a pair without growing the table, for a key that has its place in the order: after
   * {@linkcode makeRoom}, which no change of the slot but these has followed, it cannot fail.
   */
  insertPrepared(slotAt: number, hash: number, address: PoolAddress, count: number): boolean {
    const control = this.#control;
    const home = bucketAt(control, slotAt, bucketIndex(hash, control[slotAt + SLOT_META]));
    // Before readers can find it: they pass over slots that have none.
    control[slotAt + SLOT_RECORD_COUNT] += 1;
    if (!insertIntoChain(this.#pool, this.#space, slotAt, home, hash, address, count, false)) {
      control[slotAt + SLOT_RECORD_COUNT] -= 1;
      return false;
    }
    control[this.#keysAddedAt] += 1;
    return true;
  }

  /**
   * Makes room for keys that are not in the table, so that a pair can be added for each of them;
   * false when the index has none.
   */
  makeRoom(slotAt: number, hashes: readonly number[]): boolean {
    return this.#growth.makeRoom(slotAt, hashes.length) &&
      makeChainRoom(this.#pool, this.#space, slotAt, hashes);
  }

  /** Gives the key of a record its place in the order, if there is one; false without room. */
  enterOrder(address: PoolAddress): boolean {
    return this.#order?.insert(address) ?? true;
  }

  /** Takes it back. */
  leaveOrder(address: PoolAddress): void {
    this.#order?.remove(address);
  }

  /**
   * Calls `visit` with every address in the slot's table; `visit` may remove the pair it is shown.
   */
  forEach(
    slotAt: number,
    visit: (address: PoolAddress, region: Int32Array, at: number) => void,
  ): void {
    const control = this.#control;
    if (control[slotAt + SLOT_EXTENTS] === NO_BUCKET) return;
    const bucketCount = 1 << metaLog2(control[slotAt + SLOT_META]);
    for (let index = 0; index < bucketCount; index++) {
      let bucket = bucketAt(control, slotAt, index);
      while (bucket !== NO_BUCKET) {
        const region = bucketRegion(this.#pool, bucket);
        const at = bucketWord(bucket);
        for (let word = at; word < at + PAIR_WORDS; word += 2) {
          const address = region[word + 1] as PoolAddress;
          if (address !== NO_ADDRESS && (region[word] & (bucketCount - 1)) === index) {
            this.#foundRegion = region;
            this.#foundAt = word + 1;
            visit(address, region, word + 1);
          }
        }
        bucket = region[at + BUCKET_OVERFLOW] as BucketId;
      }
    }
  }

  /**
   * Gives back what this thread keeps for its next changes, and which nobody would have otherwise
   * when it makes none any more; for its agent, in a step.
   */
  giveBack(): void {
    this.#order?.returnPages();
  }

  /**
   * Makes the table as good as new after a thread has died while it held the slot's lock; the
   * caller holds it now. The table's contents are those before or after what the dead thread was
   * doing.
   */
  repair(slotAt: number): void {
    repairTable(this.#pool, slotAt);
  }
}
