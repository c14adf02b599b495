/**
 * Layout of the entry that each segment has in the control words (control_layout.ts). Offsets in an
 * entry, in words of 4 bytes.
 *
 * @module
 */
import { LINE_WORDS } from "./lines.ts";

/**
 * Line 0: written by the agent that holds the segment (its state says which). The state word is
 * (life << 4) | (odd generation << 3) | state, see segment_table.ts.
 */
export const SEGMENT_STATE = 0;
/** Bytes appended, header included. Published at the end of a batch and when sealed. */
export const SEGMENT_USED_BYTES = 1;
/** The agent that appends or appended. */
export const SEGMENT_AGENT = 2;
/**
 * Bytes at its end that are left because the next record did not fit; 0 if it was sealed before it
 * was full.
 */
export const SEGMENT_LOST_BYTES = 3;
/** Bytes from the start whose pages have been touched since the pool was created. */
export const SEGMENT_TOUCHED_BYTES = 4;
/**
 * 1 if the segment holds staged values only: nothing of it is ever reached by an index word, or by
 * a file.
 */
export const SEGMENT_IS_STAGING = 5;
/**
 * Bytes from the start that are known to be synced, and in which life: see synced_bytes.ts. Stored
 * by the thread that has synced.
 */
export const SEGMENT_SYNCED_BYTES = 6;
/**
 * CRC-32 of the first so many bytes, for checkpoints. Written under the checkpoint lock; the second
 * word is 0 after allocation.
 */
export const SEGMENT_CRC = 7;
export const SEGMENT_CRC_BYTES = 8;
/** Far placement: which segment of its KN's log it is, from 1; 0 for any other segment. */
export const SEGMENT_LOG_NUMBER = 9;
/** `AGENT_TENANCY` of the agent when it opened the segment. */
export const SEGMENT_TENANCY = 10;
/** `SEGMENTS_OPENED` when the segment was taken. */
export const SEGMENT_BIRTH = 11;
/** Line 1: counted atomically by every owner. */
export const SEGMENT_LIVE_BYTES = LINE_WORDS;
/** Reservations of large values that are not committed yet; a pinned segment is not cleaned. */
export const SEGMENT_PINS = LINE_WORDS + 1;
/**
 * Far placement: bytes from the start that have been merged into the index. Published by the
 * merger, record by record.
 */
export const SEGMENT_MERGED_BYTES = LINE_WORDS + 2;
export const SEGMENT_WORDS = 2 * LINE_WORDS;
