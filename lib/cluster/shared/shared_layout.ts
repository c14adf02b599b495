/**
 * Values that a node shares with the thread that has started it: how they are kept in memory of
 * both.
 *
 * ```text
 *   word 0      LEASE_CHANGES  odd while the node writes the three doubles below
 *        1      WRITTEN_TO     position behind the newest entry: nothing else is intact behind it
 *        2      RING_BYTES
 *   double 2    LEASE_SINCE    by the node's monotonic clock, in milliseconds
 *        3      LEASE_EPOCH    the same moment by the time of day
 *        4      LEASE_MS       for how long after that the node may answer
 *        5      READS          how many reads were answered; of the thread that reads
 *   word 16     periods        of each slot: another number when the node has stopped to serve it
 *        ...    buckets        each of four positions of entries, 0: none
 *        ...    ring           entries, one behind the other, in pieces of 8 bytes
 *
 *   entry       word 0 hash | 1 period | 2 key bytes | 3 value bytes
 *               double 2 version | 3 expiry, in milliseconds since the epoch, or Infinity
 *               word 8 key, padded with zeros | value, from the next whole word on
 * ```
 *
 * A position counts pieces of 8 bytes since the ring was made. It names one entry for ever: before
 * positions would wrap around, all begin anew and every slot has another period.
 *
 * @module
 */
import { SLOT_COUNT } from "../../core/limits.ts";

export const LEASE_CHANGES = 0;
export const WRITTEN_TO = 1;
const RING_BYTES = 2;
/** Indices of doubles. */
export const LEASE_SINCE = 2;
export const LEASE_EPOCH = 3;
export const LEASE_MS = 4;
export const READS = 5;
/** Index of the period of slot 0. */
export const PERIODS = 16;
const BUCKETS = PERIODS + SLOT_COUNT;

/** Entries of a bucket. */
export const BUCKET_ENTRIES = 4;
/** Bytes of the ring for which there is one position in a bucket: an entry is rarely smaller. */
const BYTES_PER_POSITION = 64;
/** Words of an entry. */
export const ENTRY_HASH = 0;
export const ENTRY_PERIOD = 1;
export const ENTRY_KEY_BYTES = 2;
export const ENTRY_VALUE_BYTES = 3;
/** Doubles of an entry. */
export const ENTRY_VERSION = 2;
export const ENTRY_EXPIRY = 3;
/** Word at which its key begins. */
export const ENTRY_KEY = 8;

/** Bytes of a piece of the ring. */
export const PIECE_BYTES = 8;

/** The memory, as either thread uses it. */
export interface SharedView {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
  /** Index of the word at which the ring begins, even. */
  readonly ringAt: number;
  /** Pieces of the ring, a power of two. */
  readonly pieces: number;
}

/** Of the bytes that a node has for values, so many are for those that it shares, at most. */
const SHARE_MAX = 1 / 4;
/** Rings from and up to which sharing is worth it. */
const RING_BYTES_LOW = 64 * 1024;
const RING_BYTES_HIGH = 256 * 1024 * 1024;

/** Bytes of the ring of a node that has so many bytes for values; 0: nothing is shared. */
export function ringBytesFor(cacheBytes: number): number {
  const bytes = 2 ** Math.floor(Math.log2(cacheBytes * SHARE_MAX));
  return bytes < RING_BYTES_LOW ? 0 : Math.min(bytes, RING_BYTES_HIGH);
}

/**
 * Makes memory for values, in which nothing is shared, by a node that may not answer yet.
 *
 * @param ringBytes a power of two, at least 512
 */
export function makeShared(ringBytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((BUCKETS + ringBytes / BYTES_PER_POSITION) * 4 + ringBytes);
  new Int32Array(memory)[RING_BYTES] = ringBytes;
  new Float64Array(memory)[LEASE_SINCE] = -Infinity;
  return memory;
}

/** Uses memory that was made for it. */
export function viewShared(memory: SharedArrayBuffer): SharedView {
  const words = new Int32Array(memory);
  const ringBytes = words[RING_BYTES]!;
  return {
    words,
    doubles: new Float64Array(memory),
    bytes: new Uint8Array(memory),
    ringAt: BUCKETS + ringBytes / BYTES_PER_POSITION,
    pieces: ringBytes / PIECE_BYTES,
  };
}

/** Index of the first position of the bucket in which a hash is. */
export function bucketOf({ ringAt }: SharedView, hash: number): number {
  return BUCKETS + ((hash * BUCKET_ENTRIES) & (ringAt - BUCKETS - 1));
}

/** Index of the first word of the entry at a position. */
export function entryAt({ ringAt, pieces }: SharedView, position: number): number {
  return ringAt + (position & (pieces - 1)) * (PIECE_BYTES / 4);
}

/** Index of the word, in an entry, at which the value begins behind a key of so many bytes. */
export function valueAt(keyBytes: number): number {
  return ENTRY_KEY + ((keyBytes + 3) >>> 2);
}
