/**
 * The slots of a pool while frames are replayed into them, in any order.
 *
 * To know that a key was deleted by a record newer than a put that is found later, the index points
 * at deletes, too, until all is replayed; and what a CLEAR has cleared is removed at the end.
 * Nothing is counted meanwhile: that is done when all is in place.
 *
 * @module
 */
import { Applied, type RecordTarget } from "../agent/apply_record.ts";
import { NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { IndexSpace } from "../index/index_space.ts";
import { SlotTable } from "../index/slot_table.ts";
import {
  metaKeyBytes,
  metaKind,
  RECORD_META,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
} from "../log/record_layout.ts";
import { AGENT_HOST, SLOT_WORDS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** What records are replayed into; see {@linkcode applyRecord}. */
export class ReplayedSlots implements RecordTarget {
  readonly pool: Pool;
  readonly followsCopies = true;
  readonly #table: SlotTable;
  /** By slot: the newest version that cleared it, and whether the index points at deletes. */
  readonly #clearedAt: Float64Array = new Float64Array(SLOT_COUNT);
  readonly #hasDeletes: Uint8Array = new Uint8Array(SLOT_COUNT);

  /** The slots of a pool that no other agent uses yet. */
  constructor(pool: Pool) {
    this.pool = pool;
    this.#table = new SlotTable(pool, new IndexSpace(pool, AGENT_HOST));
  }

  find(
    slotAt: number,
    hash: number,
    words: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): PoolAddress {
    return this.#table.find(slotAt, hash, words, keyAt, keyBytes);
  }

  point(slotAt: number, hash: number, old: PoolAddress, record: PoolAddress): boolean {
    if (old === NO_ADDRESS) return this.#table.insert(slotAt, hash, record);
    this.#table.swing(old, record);
    return true;
  }

  delete(slotAt: number, hash: number, old: PoolAddress, record: PoolAddress): Applied {
    this.#hasDeletes[this.#slotOf(slotAt)] = 1;
    return this.point(slotAt, hash, old, record) ? Applied.DONE : Applied.NO_ROOM;
  }

  clear(slotAt: number, version: number): void {
    const slot = this.#slotOf(slotAt);
    this.#clearedAt[slot] = Math.max(this.#clearedAt[slot], version);
  }

  /** Removes deletes and what was cleared from the index, when everything is in it. */
  finish(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const clearedAt = this.#clearedAt[slot];
      if (this.#hasDeletes[slot] === 0 && clearedAt === 0) continue;
      const slotAt = this.pool.slotAt(slot as Slot);
      this.#table.forEach(slotAt, (address) => {
        const meta = this.pool.wordsOf(address)[this.pool.wordAt(address) + RECORD_META];
        const isDelete = metaKind(meta) === RecordKind.DELETE;
        if (isDelete || this.#isOlder(address, clearedAt)) this.#table.remove(slotAt);
      });
    }
  }

  #isOlder(record: PoolAddress, clearedAt: number): boolean {
    const words = this.pool.wordsOf(record);
    const at = this.pool.wordAt(record);
    const meta = words[at + RECORD_META];
    // The store's own key is not cleared.
    return metaKeyBytes(meta) !== 0 &&
      recordVersion(meta, words[at + RECORD_VERSION_LOW]) < clearedAt;
  }

  #slotOf(slotAt: number): number {
    return (slotAt - this.pool.slots) / SLOT_WORDS;
  }
}
