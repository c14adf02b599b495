/**
 * What a KN does to a slot that it has locked, and to the records of its keys.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
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
import type { SpaceBudget } from "../pool/space_budget.ts";
import {
  Condition,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../rings/ring_layout.ts";

/** Changes slots; one per executor. */
export class SlotWriter {
  readonly #pool: Pool;
  readonly #control: Int32Array;
  readonly #table: SlotTable;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #clock: () => number;
  readonly #replacedAt: number;

  /**
   * Makes a writer.
   *
   * @param clock tells the time in milliseconds since the epoch
   * @param replacedAt the word in which it says whose record it is about to bury, for whoever tidies up after it; 0 if nowhere
   */
  constructor(
    pool: Pool,
    table: SlotTable,
    segments: SegmentTable,
    budget: SpaceBudget,
    clock: () => number,
    replacedAt: number = 0,
  ) {
    this.#replacedAt = replacedAt;
    this.#pool = pool;
    this.#segments = segments;
    this.#control = pool.control;
    this.#table = table;
    this.#budget = budget;
    this.#clock = clock;
  }

  /** Whether a put may go ahead: its condition holds, and there is room for what it adds. */
  admit(old: PoolAddress, ring: Int32Array, at: number, condition: number, bytes: number): number {
    if (!this.holds(old, ring, at, condition)) return Status.UNMET;
    const added = old === NO_ADDRESS ? bytes : bytes - this.recordBytes(old);
    return added <= 0 || this.#budget.admits(added) ? Status.OK : Status.LOG_FULL;
  }

  /** Whether the condition of a request holds. */
  holds(old: PoolAddress, ring: Int32Array, at: number, condition: number): boolean {
    if (condition === Condition.NONE) return true;
    const exists = old !== NO_ADDRESS && !this.isExpired(old);
    if (condition === Condition.ABSENT) return !exists;
    if (!exists) return false;
    const words = this.#pool.wordsOf(old);
    const oldAt = this.#pool.wordAt(old);
    const version = recordVersion(words[oldAt + RECORD_META], words[oldAt + RECORD_VERSION_LOW]);
    return version ===
      (ring[at + REQUEST_VERSION_LOW] >>> 0) + ring[at + REQUEST_VERSION_HIGH] * 2 ** 32;
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
   * Points the index at a stamped record, and counts what it replaces as dead; `old` is what the table has just found.
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
    if (old === NO_ADDRESS) {
      if (!this.#table.insert(slotAt, hash, address)) return false;
    } else {
      this.#announce(old);
      this.#forgetExpiry(slotAt, old);
      this.#table.swing(old, address);
      this.bury(old);
    }
    if ((meta & FLAG_EXPIRES) !== 0) this.#control[slotAt + SLOT_EXPIRING_COUNT] += 1;
    return true;
  }

  /** Removes the record that the table has just found, or shown. */
  remove(slotAt: number, record: PoolAddress): void {
    this.#announce(record);
    this.#forgetExpiry(slotAt, record);
    this.#table.remove(slotAt);
    this.bury(record);
  }

  /** Removes every key of a slot that is older than a version; returns how many. */
  clear(slotAt: number, version = Infinity): number {
    let count = 0;
    this.#table.forEach(slotAt, (record) => {
      if (metaKeyBytes(this.metaOf(record)) === 0) return; // the store's own key stays
      if (version !== Infinity && this.versionOf(record) > version) return;
      this.remove(slotAt, record);
      count += 1;
    });
    return count;
  }

  /**
   * Counts a record as dead, which may free its segment (I10): the index does not point at it any more, or never did. For one
   * that was in the index this happens under its slot's lock, so whoever has that lock finds the count to be right.
   */
  bury(record: PoolAddress): void {
    this.#segments.subtractLive(record, this.recordBytes(record));
  }

  /** Says in which segment a record is that is about to be buried: should this thread die before that, its count is too high. */
  #announce(record: PoolAddress): void {
    if (this.#replacedAt === 0) return;
    this.#control[this.#replacedAt] = this.#pool.segmentOf(record) + 1;
  }

  /** Takes a record that is removed or replaced out of the count of those that expire. */
  #forgetExpiry(slotAt: number, old: PoolAddress): void {
    if ((this.metaOf(old) & FLAG_EXPIRES) !== 0) this.#control[slotAt + SLOT_EXPIRING_COUNT] -= 1;
  }

  /** Word 1 of a record. */
  metaOf(record: PoolAddress): number {
    return this.#pool.wordsOf(record)[this.#pool.wordAt(record) + RECORD_META];
  }

  /** Version of a record. */
  versionOf(record: PoolAddress): number {
    const words = this.#pool.wordsOf(record);
    const at = this.#pool.wordAt(record);
    return recordVersion(words[at + RECORD_META], words[at + RECORD_VERSION_LOW]);
  }

  /** Bytes of a record. */
  recordBytes(record: PoolAddress): number {
    const words = this.#pool.wordsOf(record);
    const at = this.#pool.wordAt(record);
    return recordWords(words[at + RECORD_META], words[at + RECORD_VALUE_BYTES]) * 4;
  }

  /** Whether a record has expired. */
  isExpired(record: PoolAddress): boolean {
    const expiresAtMs = recordExpiry(this.#pool.wordsOf(record), this.#pool.wordAt(record));
    return expiresAtMs !== Infinity && expiresAtMs <= this.#clock();
  }
}
