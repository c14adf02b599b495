/**
 * Indirection cells: what lets several KNs own one key of a far pool (selective replication, after
 * DINOMO, PVLDB 15(13), 2022, 3.4).
 *
 * A **cell** stands for one key. It says where the key's newest record is, and it is locked, like a
 * slot, by the word by which clients route: the cell's number stands in the owner's place. Any of
 * the key's owners locks it, appends a record with the next version to its own log, logs it, points
 * the cell at it, answers, and unlocks (far/node/cell_group.ts). Reads follow the cell. The cell
 * lies *over* the index, and does not replace what the index says: mergers bring the index to what
 * the cell says, so that everything that looks at the index alone (checkpoints, backups, cleaning,
 * the check of a restored pool) need not know of cells, and a reopened store has none.
 *
 * Why that is safe:
 *
 * - **One or the other** (I1). A key gets a cell, or loses it, only while no KN owns its slot, and
 *   the log of the slot's last owner is merged (far/mnode/key_replication.ts). A request that was
 *   routed by the slot carries the slot's owner word of before, and is refused; one that was routed
 *   by the cell carries the cell's word, which is another one from then on. A client that looks for
 *   a cell after it has loaded the owner word therefore finds what holds as long as that word does.
 *   What KNs remember of the key they forget with the slot's owner word.
 * - **One writer at a time** (I1, I4). A write locks the cell by swapping exactly the word that its
 *   request carries. So a zombie, or a request that was routed to an owner of before, fails. The KN
 *   that has the lock knows the newest version, and no other one uses the next one up: also where a
 *   record may be in the file that was never acknowledged, no two records of the key have one
 *   version.
 * - **Durable before visible** (I3). The cell is pointed at a record when the record is logged,
 *   under the same lock. So no read returns what a crash can take back. If the thread dies in
 *   between, the M-node, as it tidies up, finds the record in the log, since it is newer than the
 *   cell's version, and points the cell at it (recovery/cell_recovery.ts); the lock keeps all other
 *   agents away until then (I5).
 * - **Merging** (I4, I10). Records of the key are in several logs, and are merged in any order.
 *   {@linkcode mergeOrder} decides by the cell's version: a record that is *newer* is logged, but
 *   the cell does not point at it yet, so the merger waits, or the record that the cell points at
 *   could be freed; one that is *older* is passed, as the record that replaced it is logged and
 *   will be merged; the *current* one becomes what the index says. So the index never goes back,
 *   also not when the newest change is a delete, and it says what the cell says when all logs are
 *   merged.
 * - **Where the record is** (I10). A record that the cell points at is unmerged, and its segment
 *   open; or the index points at it. The agent that moves it, or removes it because it has expired,
 *   does so under the slot's lock, and swaps the cell's address before the record counts as dead
 *   ({@linkcode swingCells}). A reader loads the address, the segment's generation, and the address
 *   again, as in index/one_sided_reader.ts (I6).
 * - **Reuse of a cell** (I10). Its word never comes back (14 bits of version, as for slots), and a
 *   reader of the cell looks at the word again after the address. So it never takes another key's
 *   record for the one of its key.
 *
 * There are few cells, and they are found by looking at all hashes in use. As long as there are
 * none this costs one load.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { CellId, NodeId, OwnerWord, PoolAddress, Slot } from "../core/brands.ts";
import { CELL_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import {
  metaKeyBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VERSION_LOW,
} from "../log/record_layout.ts";
import {
  CELL_ADDRESS,
  CELL_HASHES,
  CELL_KEY,
  CELL_KEY_META,
  CELL_OWNERS,
  CELL_OWNERS_WORDS,
  CELL_ROUTE,
  CELL_VERSION_HIGH,
  CELL_VERSION_LOW,
  CELLS_END,
} from "../pool/cell_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { FIRST_CELL_NODE, MERGING_NODE, NO_NODE, nodeOfAgent } from "./node_directory.ts";
import { ownerOf } from "./ownership.ts";

/** What stands for no cell. */
export const NO_CELL = -1 as CellId;
/** The route of a cell that is free. */
export const NO_ROUTE = 0 as OwnerWord;

/** Whether a word by which a request was routed is a cell's. */
export function isCellWord(word: OwnerWord): boolean {
  const owner = ownerOf(word);
  return owner >= FIRST_CELL_NODE && owner < MERGING_NODE;
}

/** The cell that a word is of. */
export function cellOf(word: OwnerWord): CellId {
  return (ownerOf(word) - FIRST_CELL_NODE) as CellId;
}

/** What stands for a cell in the owner's place of its words. */
export function cellNode(cell: CellId): NodeId {
  return (FIRST_CELL_NODE + cell) as NodeId;
}

/** One more than the number of the last cell in use; 0 as long as no key has several owners. */
export function cellsEnd(pool: Pool): number {
  return Atomics.load(pool.control, pool.cells + CELLS_END);
}

/** The word by which clients route to a cell; {@linkcode NO_ROUTE} if it is free. */
export function loadRoute(pool: Pool, cell: CellId): OwnerWord {
  return Atomics.load(pool.control, pool.cellAt(cell) + CELL_ROUTE) as OwnerWord;
}

/** Hash of a cell's key. */
export function hashOfCell(pool: Pool, cell: CellId): number {
  return Atomics.load(pool.control, pool.cells + CELL_HASHES + cell);
}

/** The version of the newest change of a cell's key. For the agent that has locked the cell. */
export function cellVersion(pool: Pool, cell: CellId): number {
  const at = pool.cellAt(cell);
  return pool.control[at + CELL_VERSION_HIGH] * 2 ** 32 +
    (pool.control[at + CELL_VERSION_LOW] >>> 0);
}

/** Points a cell that is locked at a record that is logged, or at none. */
export function pointCell(pool: Pool, cell: CellId, address: PoolAddress, version: number): void {
  const { control } = pool;
  const at = pool.cellAt(cell);
  Atomics.store(control, at + CELL_ADDRESS, address);
  Atomics.store(control, at + CELL_VERSION_HIGH, Math.floor(version / 2 ** 32));
  // Last: a merger that finds the record to be the current one has the index point at it, and
  // buries the one before.
  Atomics.store(control, at + CELL_VERSION_LOW, version | 0);
}

/**
 * Finds the cell of a key.
 *
 * @param words holds the key's bytes as words, zero-padded, from `keyAt`
 * @returns the word by which it is routed, which may say that the cell is being changed; {@linkcode
 *   NO_ROUTE} if the key has no cell
 */
export function findRoute(
  pool: Pool,
  hash: number,
  words: Int32Array,
  keyAt: number,
  keyBytes: number,
): OwnerWord {
  const cell = findCell(pool, hash, words, keyAt, keyBytes);
  if (cell === NO_CELL) return NO_ROUTE;
  const route = loadRoute(pool, cell);
  // The cell may have become another key's since it was found.
  return isCellOf(pool, cell, hash, words, keyAt, keyBytes) && loadRoute(pool, cell) === route
    ? route
    : findRoute(pool, hash, words, keyAt, keyBytes);
}

/**
 * Finds the cell of a key. An agent that has the slot locked can rely on it; other threads have to
 * look again at what they have found.
 */
export function findCell(
  pool: Pool,
  hash: number,
  words: Int32Array,
  keyAt: number,
  keyBytes: number,
): CellId {
  const { control } = pool;
  const end = cellsEnd(pool);
  const hashes = pool.cells + CELL_HASHES;
  for (let i = 0; i < end; i++) {
    if (control[hashes + i] !== hash) continue;
    const cell = i as CellId;
    if (loadRoute(pool, cell) === NO_ROUTE) continue;
    if (isCellOf(pool, cell, hash, words, keyAt, keyBytes)) return cell;
  }
  return NO_CELL;
}

/** Calls `visit` with every cell of a slot's keys. */
export function forEachCellOf(pool: Pool, slot: Slot, visit: (cell: CellId) => void): void {
  const end = cellsEnd(pool);
  for (let i = 0; i < end; i++) {
    const cell = i as CellId;
    if (loadRoute(pool, cell) === NO_ROUTE) continue;
    if (hashOfCell(pool, cell) >>> SLOT_SHIFT === slot) visit(cell);
  }
}

/** Whether a cell is of the key that a record in the pool has. */
export function isCellOfRecord(
  pool: Pool,
  cell: CellId,
  words: Int32Array,
  at: number,
): boolean {
  const keyBytes = metaKeyBytes(words[at + RECORD_META]);
  return isCellOf(pool, cell, words[at + RECORD_HASH], words, at + RECORD_KEY, keyBytes);
}

function isCellOf(
  pool: Pool,
  cell: CellId,
  hash: number,
  words: Int32Array,
  keyAt: number,
  keyBytes: number,
): boolean {
  const { control } = pool;
  const at = pool.cellAt(cell);
  if (hashOfCell(pool, cell) !== hash) return false;
  if (metaKeyBytes(control[at + CELL_KEY_META]) !== keyBytes) return false;
  const count = (keyBytes + 3) >>> 2;
  for (let i = 0; i < count; i++) {
    if (control[at + CELL_KEY + i] !== words[keyAt + i]) return false;
  }
  return true;
}

/** The agent blocks of the KNs that own a cell's key. */
export function ownersOfCell(pool: Pool, cell: CellId): number[] {
  const owners: number[] = [];
  for (let word = 0; word < CELL_OWNERS_WORDS; word++) {
    let bits = Atomics.load(pool.control, pool.cellAt(cell) + CELL_OWNERS + word);
    for (; bits !== 0; bits &= bits - 1) owners.push(32 * word + lowestBit(bits));
  }
  return owners;
}

/** One of the owners of a cell's key: another one for each number. */
export function chooseOwner(pool: Pool, route: OwnerWord, choice: number): NodeId {
  const at = pool.cellAt(cellOf(route)) + CELL_OWNERS;
  let count = 0;
  for (let word = 0; word < CELL_OWNERS_WORDS; word++) {
    count += bitCount(Atomics.load(pool.control, at + word));
  }
  let left = count === 0 ? 0 : (choice >>> 0) % count;
  for (let word = 0; word < CELL_OWNERS_WORDS; word++) {
    let bits = Atomics.load(pool.control, at + word);
    for (; bits !== 0; bits &= bits - 1) {
      if (left-- === 0) return nodeOfAgent(pool, 32 * word + lowestBit(bits));
    }
  }
  return NO_NODE;
}

/** How a record that is to be merged stands to its key's cell. */
export const MergeOrder = {
  /** The key has no cell. */
  NO_CELL: 0,
  /** It is what the cell says. */
  CURRENT: 1,
  /** It was replaced by one that is logged. */
  OLDER: 2,
  /** It is logged, but the cell does not say so yet. */
  NEWER: 3,
} as const;
/** One of {@linkcode MergeOrder}. */
export type MergeOrder = typeof MergeOrder[keyof typeof MergeOrder];

/** How a put or delete stands to its key's cell, for a merger that has the slot locked. */
export function mergeOrder(pool: Pool, words: Int32Array, at: number): MergeOrder {
  if (cellsEnd(pool) === 0) return MergeOrder.NO_CELL;
  const keyBytes = metaKeyBytes(words[at + RECORD_META]);
  const cell = findCell(pool, words[at + RECORD_HASH], words, at + RECORD_KEY, keyBytes);
  if (cell === NO_CELL) return MergeOrder.NO_CELL;
  const ahead = aheadOf(pool, cell, words[at + RECORD_VERSION_LOW]);
  if (ahead === 0) return MergeOrder.CURRENT;
  return ahead < 0 ? MergeOrder.OLDER : MergeOrder.NEWER;
}

/**
 * Whether the cells of a slot's keys say of a CLEAR of the slot, or of something newer; for a
 * merger that has the slot locked.
 */
export function isClearInCells(pool: Pool, slot: Slot, versionLow: number): boolean {
  let isThere = true;
  forEachCellOf(pool, slot, (cell) => {
    if (aheadOf(pool, cell, versionLow) > 0) isThere = false;
  });
  return isThere;
}

/**
 * By how much a version is ahead of a cell's. The low halves say it: what is unmerged is far less
 * than 2^31 changes.
 */
function aheadOf(pool: Pool, cell: CellId, versionLow: number): number {
  return (versionLow - Atomics.load(pool.control, pool.cellAt(cell) + CELL_VERSION_LOW)) | 0;
}

/**
 * Tells the cells that the record at an address, which the index has pointed at, is at another one
 * now, or gone: before it counts as dead, and under the lock of its slot. Does nothing if no cell
 * points there.
 */
export function swingCells(pool: Pool, hash: number, from: PoolAddress, to: PoolAddress): void {
  const end = cellsEnd(pool);
  for (let i = 0; i < end; i++) {
    const cell = i as CellId;
    if (loadRoute(pool, cell) === NO_ROUTE || hashOfCell(pool, cell) !== hash) continue;
    // A writer may be pointing the cell at a newer record right now.
    Atomics.compareExchange(pool.control, pool.cellAt(cell) + CELL_ADDRESS, from, to);
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

assert(FIRST_CELL_NODE + CELL_COUNT === MERGING_NODE, "cells' identities are nobody else's");
