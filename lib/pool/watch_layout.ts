/**
 * Layout of the buffer of the threads that watch keys. Offsets in words of 4 bytes; see
 * docs/protocols/watching.md for what the words are for.
 *
 * ```text
 *   PLACE 0..31   line 0  OWNER             swapped by the watcher, and by the M-node
 *                 line 1  SLEEPING          stored by the watcher, swapped by the agent that rings
 *                 line 2  PENDING           stored by agents, taken by the watcher
 *                 line 3  BELL              added to by agents that ring, waited on by the watcher
 *                         DIRTY    128 words, a bit for each slot: like PENDING
 *                         MARKS   4096 words, a bit for each part of a slot: like PENDING
 *                         WANTED  4096 words, likewise: stored by the watcher, loaded by agents
 *                 line    RING LOCK, LOST   swapped by agents; LOST taken by the watcher
 *                 line    RING TAIL         stored by the agent that has the lock
 *                 line    RING HEAD         stored by the watcher
 *                         PREFIXES  a count, then length and first bytes of each: by the watcher
 *                         RING    changes of keys with those prefixes: see watch/change_ring.ts
 * ```
 *
 * Agents set bits of MARKS under the lock of the slot, then of DIRTY, then PENDING. The buffer
 * grows up to the last place that was ever taken (growable_buffer.ts).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import {
  CHANGE_RING_BYTES,
  COMPARED_PREFIX_BYTES_MAX,
  SLOT_COUNT,
  SLOT_SHIFT,
  WATCH_PLACE_COUNT,
  WATCHED_PREFIXES_MAX,
} from "../core/limits.ts";
import { LINE_WORDS } from "./lines.ts";

/** 0, or 1 + the client that watches, as `packRecordClient` names it. */
export const PLACE_OWNER = 0;
/** 1 while the watcher sleeps, and no agent is about to ring its bell. */
export const PLACE_SLEEPING = LINE_WORDS;
/** 1 if there may be a bit in DIRTY. */
export const PLACE_PENDING = 2 * LINE_WORDS;
/** How often the bell was rung; wraps at 2^32. */
export const PLACE_BELL = 3 * LINE_WORDS;
/** A bit for each slot that may have a mark. */
export const PLACE_DIRTY = 4 * LINE_WORDS;
export const PLACE_DIRTY_WORDS = SLOT_COUNT / 32;
/** The marks: by slot, a bit for each part of its hashes. */
export const PLACE_MARKS = PLACE_DIRTY + PLACE_DIRTY_WORDS;
/** The parts that are watched. */
export const PLACE_WANTED = PLACE_MARKS + SLOT_COUNT;
/** 0, or 1 + the agent that appends to the ring. */
export const PLACE_RING_LOCK = PLACE_WANTED + SLOT_COUNT;
/** 1 if changes may be missing in the ring. */
export const PLACE_LOST = PLACE_RING_LOCK + 1;
/** Where the next change goes, and the next one is that the watcher has not taken; wrap at 2^32. */
export const PLACE_RING_TAIL = PLACE_RING_LOCK + LINE_WORDS;
export const PLACE_RING_HEAD = PLACE_RING_LOCK + 2 * LINE_WORDS;
/** Prefixes up to the last one in use. */
export const PLACE_PREFIX_COUNT = PLACE_RING_LOCK + 3 * LINE_WORDS;
/** PREFIX: its length in bytes, or -1 if it is none, and its first bytes. */
const PREFIXES = PLACE_PREFIX_COUNT + LINE_WORDS;
export const PREFIX_LENGTH = 0;
export const PREFIX_BYTES = 1;
const PREFIX_WORDS = 1 + COMPARED_PREFIX_BYTES_MAX / 4;
export const PLACE_RING: number = roundToLine(PREFIXES + WATCHED_PREFIXES_MAX * PREFIX_WORDS);
export const RING_WORDS: number = CHANGE_RING_BYTES / 4;
const PLACE_WORDS = PLACE_RING + RING_WORDS;

function roundToLine(word: number): number {
  return Math.ceil(word / LINE_WORDS) * LINE_WORDS;
}

/** Index of a place's words. */
export function placeAt(place: number): number {
  return place * PLACE_WORDS;
}

/** Index of a prefix among the words of its place. */
export function prefixAt(prefix: number): number {
  return PREFIXES + prefix * PREFIX_WORDS;
}

/** Bytes of the buffer up to the end of a place; with -1, of a buffer without places. */
export function watchBytes(place: number): number {
  return placeAt(place + 1) * 4;
}

/** Bytes of the whole buffer. */
export const WATCH_BYTES_MAX: number = watchBytes(WATCH_PLACE_COUNT - 1);

/** The bits of a hash behind those of its slot that say in which of the slot's 32 parts it is. */
const PART_SHIFT = SLOT_SHIFT - 5;
/** Number of parts. */
export const WATCH_PARTS: number = 2 ** (32 - PART_SHIFT);

/** The part that a hash is in, as a bit of its slot's words. */
export function partBit(hash: number): number {
  return 1 << ((hash >>> PART_SHIFT) & 31);
}

/** Number of the part that a hash is in, among those of all slots. */
export function partOf(hash: number): number {
  return hash >>> PART_SHIFT;
}

assert(PLACE_DIRTY % LINE_WORDS === 0 && PLACE_WORDS % LINE_WORDS === 0, "places start lines");
assert(Math.log2(RING_WORDS) % 1 === 0, "positions in a ring wrap");
assert(WATCH_PLACE_COUNT <= 32, "a slot's word has a bit for each place");
