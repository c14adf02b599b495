/**
 * What a dead thread has left of indirection cells: those that it held, and those that it was to
 * tell where a record is now.
 *
 * **Cells that a KN held.** It holds a cell from before it appends a record of the key until the
 * record is answered. If the record is logged, and the cell does not say so, the change was begun
 * and is made now (I5); as no other KN can use up its version meanwhile, it is the newest record of
 * the key in the KN's log that is newer than the cell. Otherwise nothing has happened to the key.
 *
 * **Cells of slots that a cleaner, a sweeper or a merger held.** It may have moved a record in the
 * index, or removed it, and have died before the cell was told. What the cell points at is merged
 * then, so the index says where it is. An address that is not merged yet is the log's, and stays.
 *
 * Done again from the beginning, both change nothing that is done.
 *
 * @module
 */
import { type CellId, NO_ADDRESS, type PoolAddress, type Slot } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, SLOT_SHIFT } from "../core/limits.ts";
import type { SlotTable } from "../index/slot_table.ts";
import {
  metaKeyBytes,
  metaKind,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  RecordKind,
  recordVersion,
  recordWords,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import { CELL_ADDRESS, CELL_KEY, CELL_KEY_META, CELL_LOCK } from "../pool/cell_layout.ts";
import { SEGMENT_LOG_NUMBER, SEGMENT_MERGED_BYTES } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import {
  cellsEnd,
  cellVersion,
  forEachCellOf,
  hashOfCell,
  isCellOfRecord,
  loadRoute,
  NO_ROUTE,
  pointCell,
} from "../routing/cells.ts";
import { holderOf, unlockForDead } from "../routing/ownership.ts";

/** The cells that an agent holds. */
export function cellsHeldBy(pool: Pool, agent: number): CellId[] {
  const held: CellId[] = [];
  const end = cellsEnd(pool);
  for (let i = 0; i < end; i++) {
    const cell = i as CellId;
    if (loadRoute(pool, cell) === NO_ROUTE) continue;
    const word = Atomics.load(pool.control, pool.cellAt(cell) + CELL_LOCK);
    if (holderOf(word) === agent) held.push(cell);
  }
  return held;
}

/**
 * Points a cell that a dead KN holds at the newest record of its key that the KN has logged, if it
 * is newer than the cell.
 */
export function settleCell(pool: Pool, cell: CellId, agent: number): void {
  const segments = new SegmentTable(pool);
  const slot = hashOfCell(pool, cell) >>> SLOT_SHIFT;
  let newest = cellVersion(pool, cell);
  for (const segment of segments.openSegmentsOf(agent)) {
    if (pool.control[pool.segmentAt(segment) + SEGMENT_LOG_NUMBER] === 0) continue;
    const start = pool.segmentAddress(segment) >>> 0;
    const usedBytes = segments.usedBytes(segment);
    for (let bytes = SEGMENT_HEADER_BYTES; bytes < usedBytes;) {
      const address = ((start + bytes / ADDRESS_UNIT_BYTES) | 0) as PoolAddress;
      const words = pool.wordsOf(address);
      const at = pool.wordAt(address);
      const meta = words[at + RECORD_META];
      const version = recordVersion(meta, words[at + RECORD_VERSION_LOW]);
      if (version > newest && isOfCell(pool, cell, slot, words, at)) {
        newest = version;
        const isPut = metaKind(meta) === RecordKind.PUT;
        pointCell(pool, cell, isPut ? address : NO_ADDRESS, version);
      }
      bytes += recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4;
    }
  }
}

/** Unlocks a cell in the place of a KN that has died. */
export function unlockCell(pool: Pool, cell: CellId): void {
  unlockForDead(pool.control, pool.cellAt(cell) + CELL_LOCK);
}

/**
 * Tells the cells of a slot's keys what the index says, where it is the index that knows; for
 * the agent that has the slot.
 */
export function retellCells(pool: Pool, table: SlotTable, slot: Slot): void {
  forEachCellOf(pool, slot, (cell) => {
    const { control } = pool;
    const at = pool.cellAt(cell);
    const address = Atomics.load(control, at + CELL_ADDRESS) as PoolAddress;
    if (address === NO_ADDRESS || isUnmerged(pool, address)) return;
    const keyBytes = metaKeyBytes(control[at + CELL_KEY_META]);
    const hash = hashOfCell(pool, cell);
    const indexed = table.find(pool.slotAt(slot), hash, control, at + CELL_KEY, keyBytes);
    // An owner of the key may be pointing the cell at something newer.
    Atomics.compareExchange(control, at + CELL_ADDRESS, address, indexed);
  });
}

/** Whether a record may be of a cell's key: a put or delete of it, or a CLEAR of its slot. */
function isOfCell(pool: Pool, cell: CellId, slot: number, words: Int32Array, at: number): boolean {
  const kind = metaKind(words[at + RECORD_META]);
  if (kind === RecordKind.CLEAR) return words[at + RECORD_HASH] >>> SLOT_SHIFT === slot;
  if (kind !== RecordKind.PUT && kind !== RecordKind.DELETE) return false;
  return isCellOfRecord(pool, cell, words, at);
}

/** Whether a record is in a log, and not merged. */
function isUnmerged(pool: Pool, address: PoolAddress): boolean {
  const segment = pool.segmentOf(address);
  const at = pool.segmentAt(segment);
  if (new SegmentTable(pool).state(segment) !== SegmentState.OPEN) return false;
  if (pool.control[at + SEGMENT_LOG_NUMBER] === 0) return false;
  const offset = ((address >>> 0) - (pool.segmentAddress(segment) >>> 0)) * ADDRESS_UNIT_BYTES;
  return offset >= Atomics.load(pool.control, at + SEGMENT_MERGED_BYTES);
}
