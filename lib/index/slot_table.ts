/**
 * Changes to a slot's hash table, made under the slot's lock while readers go on.
 *
 * Why that is safe (I6, I8): every change that readers can see is one atomic store.
 *
 * - *Insert* fills an empty pair, tag first and address last: until the address is there the pair
 *   is empty.
 * - *Update* replaces an address by an address; *remove* replaces it by 0.
 * - *Doubling* fills the new extent first, where no reader looks, then publishes META, then removes
 *   the moved pairs from the old buckets. A reader with the old META that misses a moved pair sees
 *   the new META when it checks, and starts over. A reader with the new META looks where the pair
 *   has been put already.
 * - *Compaction* moves pairs from overflow buckets into holes of the bucket they continue: copy,
 *   publish META, then clear the original; a reader that looked at the hole too early and at the
 *   original too late has an old META. Empty overflow buckets are unlinked, META is published once
 *   more, and only then they are reused, so a reader that stands in one of them notices too.
 *
 * A pair that does not belong to its bucket (its hash selects another one) is a leftover of a
 * doubling that was interrupted between the publication and the removal. No reader looks for it
 * there; it is skipped here.
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
  SLOT_EXTENT_COUNT,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import { REGION_BUCKETS_LOG2 } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { ChangeKind } from "../watch/change_ring.ts";
import { tellChange } from "../watch/watch_marks.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_PAIRS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
  pairCount,
  setPairCount,
} from "./bucket_layout.ts";
import { makeChainRoom } from "./chain_room.ts";
import type { IndexSpace } from "./index_space.ts";
import { bucketAt, bucketIndex, metaLog2, nextMeta } from "./slot_extents.ts";
import { repairTable } from "./table_repair.ts";

/**
 * Keys per bucket at which a table doubles, of 7 pairs. At 5.25 about 15 % of the buckets have an
 * overflow bucket just before, and tables are 56 % full on average; at 7 half of them would.
 */
const DOUBLING_LOAD = 5.25;

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
    if (!this.#prepare(slotAt, 1)) return false;
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
    if (!this.#insertIntoChain(slotAt, home, hash, address, count, false)) {
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
    return this.#prepare(slotAt, hashes.length) &&
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

  /** Has the slot a table that is large enough for so many keys more; false if it gets none. */
  #prepare(slotAt: number, added: number): boolean {
    const control = this.#control;
    if (control[slotAt + SLOT_EXTENTS] === NO_BUCKET && !this.#createTable(slotAt)) return false;
    const count = control[slotAt + SLOT_RECORD_COUNT] + added - 1;
    for (;;) {
      const log2 = metaLog2(control[slotAt + SLOT_META]);
      if (count < DOUBLING_LOAD * (1 << log2)) return true;
      // Without room for a larger table the buckets' chains get longer instead.
      this.#double(slotAt);
      if (metaLog2(control[slotAt + SLOT_META]) === log2) return true;
    }
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

  #createTable(slotAt: number): boolean {
    const extent = this.#space.allocateExtent(1);
    if (extent === NO_BUCKET) return false;
    Atomics.store(this.#control, slotAt + SLOT_EXTENTS, extent);
    this.#publishMeta(slotAt, 0);
    return true;
  }

  #insertIntoChain(
    slotAt: number,
    home: BucketId,
    hash: number,
    address: PoolAddress,
    count: number,
    isDoubling: boolean,
  ): boolean {
    let bucket = home;
    for (;;) {
      const region = bucketRegion(this.#pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word + 1] === NO_ADDRESS) {
          region[word] = hash;
          setPairCount(region, word + 1, count);
          // Publishes the tag and the record; pairs with the readers' load of the address.
          Atomics.store(region, word + 1, address);
          return true;
        }
      }
      const next = region[at + BUCKET_OVERFLOW] as BucketId;
      if (next === NO_BUCKET) {
        const overflow = isDoubling
          ? this.#space.allocateOverflowForDoubling()
          : this.#space.allocateOverflow();
        return this.#appendOverflow(slotAt, region, at, overflow, hash, address, count);
      }
      bucket = next;
    }
  }

  #appendOverflow(
    slotAt: number,
    region: Int32Array,
    at: number,
    overflow: BucketId,
    hash: number,
    address: PoolAddress,
    count: number,
  ): boolean {
    if (overflow === NO_BUCKET) return false;
    const target = bucketRegion(this.#pool, overflow);
    const first = bucketWord(overflow);
    target[first] = hash;
    setPairCount(target, first + 1, count);
    Atomics.store(target, first + 1, address);
    // Publishes the overflow bucket, which is filled by now.
    Atomics.store(region, at + BUCKET_OVERFLOW, overflow);
    this.#control[slotAt + SLOT_OVERFLOW_COUNT] += 1;
    return true;
  }

  #publishMeta(slotAt: number, log2: number): void {
    const meta = nextMeta(this.#control[slotAt + SLOT_META], log2);
    Atomics.store(this.#control, slotAt + SLOT_META, meta);
  }

  #double(slotAt: number): void {
    const control = this.#control;
    const log2 = metaLog2(control[slotAt + SLOT_META]);
    const bucketCount = 1 << log2;
    if (log2 + 1 >= SLOT_EXTENT_COUNT) return;
    const extent = this.#space.allocateForDoubling(bucketCount);
    if (extent === NO_BUCKET) return;
    const moved: number[] = [];
    for (let index = 0; index < bucketCount; index++) {
      if (!this.#copyMoving(slotAt, index, bucketCount, (extent + index) as BucketId, moved)) {
        this.#emptyExtent(slotAt, extent, bucketCount);
        return;
      }
    }
    Atomics.store(control, slotAt + SLOT_EXTENTS + log2 + 1, extent);
    // From here on readers look for the moved pairs in the new extent.
    this.#publishMeta(slotAt, log2 + 1);
    for (let i = 0; i < moved.length; i += 2) {
      Atomics.store(this.#pool.index[moved[i]], moved[i + 1], NO_ADDRESS);
    }
    if (control[slotAt + SLOT_OVERFLOW_COUNT] > 0) this.#compact(slotAt, bucketCount);
  }

  /** Copies the pairs of one old bucket that belong to `target`, and notes where they were. */
  #copyMoving(
    slotAt: number,
    index: number,
    bucketCount: number,
    target: BucketId,
    moved: number[],
  ): boolean {
    let bucket = bucketAt(this.#control, slotAt, index);
    while (bucket !== NO_BUCKET) {
      const region = bucketRegion(this.#pool, bucket);
      const regionIndex = bucket >>> REGION_BUCKETS_LOG2;
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        const hash = region[word];
        const address = region[word + 1] as PoolAddress;
        if (address === NO_ADDRESS || (hash & (2 * bucketCount - 1)) !== index + bucketCount) {
          continue;
        }
        const count = pairCount(region, word + 1);
        if (!this.#insertIntoChain(slotAt, target, hash, address, count, true)) return false;
        moved.push(regionIndex, word + 1);
      }
      bucket = region[at + BUCKET_OVERFLOW] as BucketId;
    }
    return true;
  }

  /**
   * Undoes a doubling that ran out of overflow buckets; the unpublished extent is leaked, empty.
   */
  #emptyExtent(slotAt: number, extent: BucketId, bucketCount: number): void {
    for (let index = 0; index < bucketCount; index++) {
      const bucket = (extent + index) as BucketId;
      const at = bucketWord(bucket);
      const region = bucketRegion(this.#pool, bucket);
      let overflow = region[at + BUCKET_OVERFLOW] as BucketId;
      region.fill(0, at, at + PAIR_WORDS + 1);
      while (overflow !== NO_BUCKET) {
        const next = bucketRegion(this.#pool, overflow)[
          bucketWord(overflow) + BUCKET_OVERFLOW
        ] as BucketId;
        this.#space.freeOverflow(overflow);
        this.#control[slotAt + SLOT_OVERFLOW_COUNT] -= 1;
        overflow = next;
      }
    }
  }

  /** Shortens the chains of the first `bucketCount` buckets after half of their pairs have left. */
  #compact(slotAt: number, bucketCount: number): void {
    const emptied: { region: Int32Array; at: number; first: BucketId }[] = [];
    const originals: { region: Int32Array; word: number }[] = [];
    for (let index = 0; index < bucketCount; index++) {
      const home = bucketAt(this.#control, slotAt, index);
      const region = bucketRegion(this.#pool, home);
      const at = bucketWord(home);
      const first = region[at + BUCKET_OVERFLOW] as BucketId;
      if (first !== NO_BUCKET && this.#copyIntoHoles(region, at, first, originals)) {
        emptied.push({ region, at, first });
      }
    }
    if (emptied.length === 0) return;
    const log2 = metaLog2(this.#control[slotAt + SLOT_META]);
    this.#publishMeta(slotAt, log2);
    for (const { region, word } of originals) Atomics.store(region, word, NO_ADDRESS);
    for (const { region, at } of emptied) Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);
    this.#publishMeta(slotAt, log2);
    for (const { first } of emptied) {
      for (let bucket = first; bucket !== NO_BUCKET;) {
        const overflow = bucketRegion(this.#pool, bucket);
        const next = overflow[bucketWord(bucket) + BUCKET_OVERFLOW] as BucketId;
        this.#space.freeOverflow(bucket);
        this.#control[slotAt + SLOT_OVERFLOW_COUNT] -= 1;
        bucket = next;
      }
    }
  }

  /**
   * Copies what is in the overflow buckets into the home bucket; false when it does not all fit.
   */
  #copyIntoHoles(
    region: Int32Array,
    at: number,
    first: BucketId,
    originals: { region: Int32Array; word: number }[],
  ): boolean {
    const holes: number[] = [];
    for (let word = at; word < at + PAIR_WORDS; word += 2) {
      if (region[word + 1] === NO_ADDRESS) holes.push(word);
    }
    const found: { region: Int32Array; word: number }[] = [];
    for (let bucket = first; bucket !== NO_BUCKET;) {
      const overflow = bucketRegion(this.#pool, bucket);
      const start = bucketWord(bucket);
      for (let word = start; word < start + PAIR_WORDS; word += 2) {
        if (overflow[word + 1] !== NO_ADDRESS) found.push({ region: overflow, word });
      }
      bucket = overflow[start + BUCKET_OVERFLOW] as BucketId;
    }
    if (found.length > holes.length) return false;
    found.forEach((original, i) => {
      region[holes[i]!] = original.region[original.word];
      setPairCount(region, holes[i]! + 1, pairCount(original.region, original.word + 1));
      Atomics.store(region, holes[i]! + 1, original.region[original.word + 1]);
      originals.push({ region: original.region, word: original.word + 1 });
    });
    return true;
  }
}

assert(BUCKET_PAIRS > DOUBLING_LOAD, "a table doubles before its buckets are full on average");
