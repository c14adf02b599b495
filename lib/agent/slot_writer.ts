/**
 * What a KN does to a slot that it has locked, and to the records of its keys.
 *
 * @module
 */
import { Applied, type RecordTarget } from "./apply_record.ts";
import { assert } from "../core/assert.ts";
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import { countWhenOverwritten } from "../eviction/eviction_policy.ts";
import { Ghosts } from "../eviction/ghosts.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  FLAG_EXPIRES,
  metaKeyBytes,
  metaWithVersionHigh,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  recordVersion,
  recordWords,
} from "../log/record_layout.ts";
import {
  SLOT_EXPIRING_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import { ChangeKind } from "../watch/change_ring.ts";

/** Changes slots; one per executor. */
export class SlotWriter implements RecordTarget {
  readonly pool: Pool;
  readonly #control: Int32Array;
  readonly #table: SlotTable;
  readonly #segments: SegmentTable;
  readonly #clock: () => number;
  readonly #replacedAt: number;
  /** In a pool that evicts. */
  readonly #ghosts: Ghosts | undefined;

  /**
   * Makes a writer.
   *
   * @param clock tells the time in milliseconds since the epoch
   * @param replacedAt for a merger: the word in which it says whose record it is about to bury, for
   *   the agent that tidies up after it. Its records count as live from when the index points at
   *   them; those of other writers from when they are appended.
   */
  constructor(
    pool: Pool,
    table: SlotTable,
    segments: SegmentTable,
    clock: () => number,
    replacedAt: number = 0,
  ) {
    this.#replacedAt = replacedAt;
    this.#ghosts = Ghosts.of(pool);
    this.pool = pool;
    this.#segments = segments;
    this.#control = pool.control;
    this.#table = table;
    this.#clock = clock;
  }

  /** Finds the record of a key; `NO_ADDRESS` if there is none. */
  find(
    slotAt: number,
    hash: number,
    words: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): PoolAddress {
    return this.#table.find(slotAt, hash, words, keyAt, keyBytes);
  }

  /** Gives a record the slot's next version (I9) and the address of what it replaces. */
  stamp(slotAt: number, words: Int32Array, to: number, replaces: PoolAddress): void {
    const control = this.#control;
    const low = (control[slotAt + SLOT_VERSION_LOW] + 1) | 0;
    control[slotAt + SLOT_VERSION_LOW] = low;
    if (low === 0) control[slotAt + SLOT_VERSION_HIGH] += 1;
    words[to + RECORD_VERSION_LOW] = low;
    words[to + RECORD_META] = metaWithVersionHigh(
      words[to + RECORD_META],
      control[slotAt + SLOT_VERSION_HIGH],
    );
    words[to + RECORD_REPLACES] = replaces;
  }

  /**
   * Points the index at a stamped record, and counts what it replaces as dead; `old` is what the
   * table has just found.
   *
   * @returns false when the index has no room; nothing has changed then
   */
  point(
    slotAt: number,
    hash: number,
    old: PoolAddress,
    address: PoolAddress,
    meta: number,
  ): boolean {
    const isMerged = this.#replacedAt !== 0;
    if (isMerged) this.#segments.addLive(address, this.recordBytes(address));
    if (old === NO_ADDRESS) {
      const count = this.#ghosts === undefined ? 0 : this.#ghosts.countOfNew(hash);
      if (!this.#table.insert(slotAt, hash, address, count)) {
        if (isMerged) this.bury(address);
        return false;
      }
    } else {
      this.#announce(old);
      this.#forgetExpiry(slotAt, old);
      this.#table.swing(old, address);
      if (this.#ghosts !== undefined) {
        this.#table.foundCount = countWhenOverwritten(this.#table.foundCount);
      }
      this.bury(old);
    }
    if ((meta & FLAG_EXPIRES) !== 0) this.#control[slotAt + SLOT_EXPIRING_COUNT] += 1;
    return true;
  }

  /**
   * Points a key's pair at a pending record (shown_commit.ts), unless it does already; `old` is
   * what the pair holds. For a new key there is room.
   */
  pend(slotAt: number, hash: number, old: PoolAddress, address: PoolAddress): void {
    const table = this.#table;
    if (old === NO_ADDRESS) {
      if (table.findAddress(slotAt, hash, address)) return;
      const count = this.#ghosts === undefined ? 0 : this.#ghosts.countOfNew(hash);
      const isAdded = table.insertPrepared(slotAt, hash, address, count);
      assert(isAdded, "room was made for the keys of a commit");
    } else if (table.findAddress(slotAt, hash, old)) {
      // Watchers are told when the commit has been made.
      table.move(old, address);
      if (this.#ghosts !== undefined) table.foundCount = countWhenOverwritten(table.foundCount);
    } else {
      assert(table.findAddress(slotAt, hash, address), "only the lock holder changes its pairs");
    }
  }

  /** Removes the pair of a pending delete, unless that was done. */
  removePending(slotAt: number, hash: number, address: PoolAddress): void {
    if (this.#table.findAddress(slotAt, hash, address)) this.#table.takeOut(slotAt);
  }

  /**
   * Tells watchers of the key of a record of a commit, and counts what it has replaced as dead.
   *
   * @param meta of the record if it is a put, 0 for a delete
   */
  endShown(
    slotAt: number,
    hash: number,
    old: PoolAddress,
    address: PoolAddress,
    meta: number,
  ): void {
    if (meta !== 0) this.#table.tell(hash, address, ChangeKind.PUT);
    else this.#table.tell(hash, old, ChangeKind.DELETE);
    if ((meta & FLAG_EXPIRES) !== 0) this.#control[slotAt + SLOT_EXPIRING_COUNT] += 1;
    if (old === NO_ADDRESS) return;
    this.#forgetExpiry(slotAt, old);
    this.bury(old);
  }

  /** Applies a delete; `old` is what the table has just found. */
  delete(slotAt: number, _hash: number, old: PoolAddress): Applied {
    if (old === NO_ADDRESS) return Applied.ABSENT;
    this.remove(slotAt, old);
    return Applied.DONE;
  }

  /** Removes the record that the table has just found, or shown. */
  remove(slotAt: number, record: PoolAddress): void {
    this.#announce(record);
    this.#forgetExpiry(slotAt, record);
    this.#table.remove(slotAt);
    this.bury(record);
  }

  /** Removes every key of a slot that is not newer than a version. */
  clear(slotAt: number, version = Infinity): void {
    this.#table.forEach(slotAt, (record) => {
      if (metaKeyBytes(this.metaOf(record)) === 0) return; // the store's own key stays
      if (version !== Infinity && this.versionOf(record) > version) return;
      this.remove(slotAt, record);
    });
  }

  /**
   * Counts a record as dead, which may free its segment (I10): the index does not point at it any
   * more, or never did. For one that was in the index this happens under its slot's lock, so the
   * holder of that lock finds the count to be right.
   */
  bury(record: PoolAddress): void {
    this.#segments.subtractLive(record, this.recordBytes(record));
  }

  /**
   * Says in which segment a record is that is about to be buried: should this thread die before
   * that, its count is too high.
   */
  #announce(record: PoolAddress): void {
    if (this.#replacedAt === 0) return;
    this.#control[this.#replacedAt] = this.pool.segmentOf(record) + 1;
  }

  /** Takes a record that is removed or replaced out of the count of those that expire. */
  #forgetExpiry(slotAt: number, old: PoolAddress): void {
    if ((this.metaOf(old) & FLAG_EXPIRES) !== 0) this.#control[slotAt + SLOT_EXPIRING_COUNT] -= 1;
  }

  /** Word 1 of a record. */
  metaOf(record: PoolAddress): number {
    return this.pool.wordsOf(record)[this.pool.wordAt(record) + RECORD_META];
  }

  /** Version of a record. */
  versionOf(record: PoolAddress): number {
    const words = this.pool.wordsOf(record);
    const at = this.pool.wordAt(record);
    return recordVersion(words[at + RECORD_META], words[at + RECORD_VERSION_LOW]);
  }

  /** Bytes of a record. */
  recordBytes(record: PoolAddress): number {
    const words = this.pool.wordsOf(record);
    const at = this.pool.wordAt(record);
    return recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]) * 4;
  }

  /** Whether a record has expired. */
  isExpired(record: PoolAddress): boolean {
    const expiresAtMs = recordExpiry(this.pool.wordsOf(record), this.pool.wordAt(record));
    return expiresAtMs !== Infinity && expiresAtMs <= this.#clock();
  }
}
