/**
 * Layout of the statistics: what clients count for the M-node. Offsets only, in words of 4 bytes;
 * no other file holds a numeric offset into this buffer. A store has it only if statistics are
 * asked for.
 *
 * ```text
 *   word 0                WINDOW             1 line, written by the M-node
 *   CLIENT BLOCKS         1 for each client, written by its thread alone, read by the M-node
 *
 *   client block          SAMPLES            1 line
 *                         HISTOGRAM          1 word per bucket
 *                         REQUESTED KEYS     a sketch
 *                         READ KEYS          a sketch
 *
 *   sketch                SEQUENCE           1 line, with WINDOW, SIZE and TOTAL
 *                         HASHES | COUNTS | ERRORS | METAS | WRITES | TIMED  64 words each, 1 per entry
 *                         NANOS              64 float64
 *                         KEYS               64 lines
 * ```
 *
 * A line is 128 bytes, and every part is a number of lines, so words of different writers are 128
 * bytes apart. Which role writes each word and which reads it, and when it is published, stands at
 * its name.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { HOT_KEY_BYTES_MAX, HOT_KEY_COUNT } from "../core/limits.ts";

/** Words of a line, the unit of isolation between writers. */
const LINE_WORDS = 32;

/**
 * Number of the window that is open. Counted by the M-node, when it has read the one before; loaded
 * by clients with every operation.
 */
export const STATISTICS_WINDOW = 0;
const CLIENT_BLOCKS = LINE_WORDS;

/**
 * Latencies recorded, as u32. Counted by the client after the histogram; the M-node looks at the
 * histogram only if it has changed.
 */
export const CLIENT_SAMPLES = 0;
/**
 * Latencies, weighted, as u32 that wrap: only differences are used. Written by the client; a word
 * at a time is valid.
 */
export const CLIENT_HISTOGRAM = LINE_WORDS;

/** log2 of the buckets that an octave of latencies is cut into: a bucket is 3.1 % wide. */
export const BUCKETS_PER_OCTAVE_LOG2 = 5;
/** Buckets of a histogram of nanoseconds below 2^32: one for each below 32, then 27 octaves. */
export const BUCKET_COUNT = (32 - BUCKETS_PER_OCTAVE_LOG2 + 1) << BUCKETS_PER_OCTAVE_LOG2;

/**
 * The sketch's SEQUENCE: odd while the client changes the sketch. Added to by the client before and
 * after each change, which publishes it; the M-node's copy is good if it was even, and the same
 * before and after.
 */
export const SKETCH_SEQUENCE = 0;
/**
 * The window that the sketch is of. Written by the client, like all that follows, between the two
 * additions to SEQUENCE.
 */
export const SKETCH_WINDOW = 1;
/** Entries in use, and the weight of everything that was offered, as u32. */
export const SKETCH_SIZE = 2;
export const SKETCH_TOTAL = 3;
/** Per entry: hash of the key, estimated weight, and how much of it may be other keys', as u32. */
export const SKETCH_HASHES = LINE_WORDS;
export const SKETCH_COUNTS = SKETCH_HASHES + HOT_KEY_COUNT;
export const SKETCH_ERRORS = SKETCH_COUNTS + HOT_KEY_COUNT;
/** Per entry: (length of the key in bytes << 1) | whether it was given as bytes. */
export const SKETCH_METAS = SKETCH_ERRORS + HOT_KEY_COUNT;
/**
 * Per entry: weight of the operations that may change the key, of those that are its own, as u32.
 */
export const SKETCH_WRITES = SKETCH_METAS + HOT_KEY_COUNT;
/**
 * Per entry: operations that were timed, and the sum of their latencies in nanoseconds, as float64.
 */
export const SKETCH_TIMED = SKETCH_WRITES + HOT_KEY_COUNT;
export const SKETCH_NANOS = SKETCH_TIMED + HOT_KEY_COUNT;
/** Per entry: the key's first bytes, as little-endian words. */
export const SKETCH_KEYS = SKETCH_NANOS + 2 * HOT_KEY_COUNT;
export const SKETCH_KEY_WORDS = HOT_KEY_BYTES_MAX / 4;
const SKETCH_WORDS = SKETCH_KEYS + SKETCH_KEY_WORDS * HOT_KEY_COUNT;

/** Keys of the requests that KNs execute. */
export const CLIENT_REQUESTED_KEYS = CLIENT_HISTOGRAM + BUCKET_COUNT;
/** Keys that the client reads itself, one-sidedly. */
export const CLIENT_READ_KEYS = CLIENT_REQUESTED_KEYS + SKETCH_WORDS;
const CLIENT_BLOCK_WORDS = CLIENT_READ_KEYS + SKETCH_WORDS;

/** Index of a client's block. */
export function clientOffset(client: number): number {
  return CLIENT_BLOCKS + client * CLIENT_BLOCK_WORDS;
}

/** Words of the buffer for so many clients. */
export function statisticsWords(clientCount: number): number {
  return clientOffset(clientCount);
}

for (const words of [BUCKET_COUNT, SKETCH_WORDS, SKETCH_KEY_WORDS, HOT_KEY_COUNT]) {
  assert(words % LINE_WORDS === 0, "a part of the statistics is a number of lines");
}
assert(SKETCH_NANOS % 2 === 0, "sums are aligned for float64");
