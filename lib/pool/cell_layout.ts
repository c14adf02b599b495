/**
 * Layout of the indirection cells, at the end of the control words (control_layout.ts). Offsets in
 * words of 4 bytes.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { CELL_COUNT, CELL_KEY_BYTES_MAX, NODE_COUNT_MAX } from "../core/limits.ts";
import { LINE_WORDS } from "./lines.ts";

/**
 * CELLS, far placement: the indirection cells of the keys that several KNs own; see
 * routing/cells.ts. END: one more than the number of the last cell in use, 0 if none is; HASHES:
 * those of the cells' keys, by cell. Both are stored by the M-node.
 */
export const CELLS_END = 0;
export const CELL_HASHES = LINE_WORDS;
export const CELLS_FIRST = CELL_HASHES + CELL_COUNT;
/**
 * CELL, line 0: LOCK, in the format of an owner word (routing/ownership.ts): swapped by the KN that
 * changes the key, and by the M-node. The words after it change under that lock, but for one case:
 * the agent that moves or removes the record at ADDRESS swaps ADDRESS, under the slot's lock.
 */
export const CELL_LOCK = 0;
/** The key's newest record that is logged; 0 if the key does not exist. */
export const CELL_ADDRESS = 1;
/**
 * Version of the key's newest change. Stored after ADDRESS, the low half last; loaded by mergers.
 */
export const CELL_VERSION_LOW = 2;
export const CELL_VERSION_HIGH = 3;
/** Words that a KN reads of a cell in one go. */
export const CELL_READ_WORDS = 4;
/**
 * Line 1, written by the M-node. ROUTE: what clients route by, the lock word without a holder; 0:
 * the cell is free. KEY META: length and flags of the key. OWNERS: a bit for each agent block. HASH
 * is in HASHES.
 */
export const CELL_ROUTE = LINE_WORDS;
export const CELL_KEY_META = CELL_ROUTE + 1;
export const CELL_OWNERS = CELL_ROUTE + 2;
export const CELL_OWNERS_WORDS = Math.ceil(NODE_COUNT_MAX / 32);
/** Line 2: the key, zero-padded. Written by the M-node before ROUTE. */
export const CELL_KEY = 2 * LINE_WORDS;
export const CELL_WORDS = CELL_KEY + CELL_KEY_BYTES_MAX / 4;

assert(CELLS_FIRST % LINE_WORDS === 0 && CELL_WORDS % LINE_WORDS === 0, "cells start lines");
assert(CELL_OWNERS + CELL_OWNERS_WORDS <= CELL_KEY, "a cell holds its words");
