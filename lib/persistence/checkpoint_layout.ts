/**
 * Layout of a checkpoint file. All words little-endian; offsets in bytes.
 *
 * ```text
 *   0     magic "DINOMOCP"
 *   8     format version, u32
 *   12    CRC-32 of the bytes from 16 to the end, u32
 *   16    length of the whole file, u32 low, u32 high
 *   24    number of the checkpoint, one more than its predecessor's, u32
 *   28    segment bytes, u32
 *   32    segment count, u32
 *   36    hash key, 2 x u32
 *   44    first unused bucket, u32
 *   48    first free overflow bucket, u32
 *   52    free overflow buckets, u32
 *   56    codec of the values, u32: 1 msgpack, 2 json, 3 binary, 4 the application's own
 *   60    number of its image, the file "image-<number>", u32
 *   64    types of the keys, u32: 1 strings, 2 bytes, 3 both; since version 3, before that 0: both
 *   68    bytes of the ledger, a multiple of 8, u32; since version 4, 0 in a pool without one
 *   72    reserved, zero, up to byte 128
 *   128   slots: 4096 entries of 128 bytes: META, extents, version, counts
 *   ...   segments: one entry of 16 bytes each: used bytes, live bytes, generation, CRC-32 of its
 *         used bytes; a segment without used bytes has the generation of its next life. Used bytes
 *         are a multiple of 8: bit 0 says that the segment is full, so that what is left of it is
 *         lost; bits 1 and 2 are zero
 *   ...   index buckets 0 to first unused - 1, 64 bytes each
 *   ...   the ledger: see ledger_copy.ts; since version 5 it says when sessions were left
 * ```
 *
 * A pool without a ledger is written as version 3, which earlier releases read.
 *
 * The image beside it holds the segments: file offset = pool address in bytes, sparse, only used
 * bytes are written. The image of a snapshot does not change any more. That of a pool whose writes
 * are logged goes on: behind the used bytes of the checkpoint, and in segments without used bytes,
 * there are the frames to be replayed (log/frame_layout.ts).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { SLOT_EXTENT_COUNT } from "../pool/control_layout.ts";

export const CHECKPOINT_MAGIC = "DINOMOCP";
/** The newest version, of pools that have a ledger. */
export const CHECKPOINT_VERSION = 5;
/** The first version that says since when a session has no connection. */
export const CHECKPOINT_VERSION_SESSION_TIMES = 5;
/** The first version of pools that have a ledger. */
export const CHECKPOINT_VERSION_LEDGER = 4;
/** The version of pools without one: it has the types of keys, and keys of more than 1024 bytes. */
export const CHECKPOINT_VERSION_PLAIN = 3;
/** The first version that says of which types keys are. */
export const CHECKPOINT_VERSION_KEY_TYPES = 3;
/** The oldest version that can be read. */
export const CHECKPOINT_VERSION_MIN = 2;

export const CHECKPOINT_FORMAT = 8;
export const CHECKPOINT_CRC = 12;
/** First byte that the CRC covers. */
export const CHECKPOINT_CRC_START = 16;
export const CHECKPOINT_LENGTH = 16;
export const CHECKPOINT_NUMBER = 24;
export const CHECKPOINT_SEGMENT_BYTES = 28;
export const CHECKPOINT_SEGMENT_COUNT = 32;
export const CHECKPOINT_HASH_KEY = 36;
export const CHECKPOINT_INDEX_NEXT = 44;
export const CHECKPOINT_INDEX_FREE = 48;
export const CHECKPOINT_INDEX_FREE_COUNT = 52;
export const CHECKPOINT_CODEC = 56;
export const CHECKPOINT_IMAGE = 60;
export const CHECKPOINT_KEY_TYPES = 64;
export const CHECKPOINT_LEDGER_BYTES = 68;
export const CHECKPOINT_HEADER_BYTES = 128;

/** Numbers of the codecs, by the names that `open` takes. */
export const CODEC_NUMBERS = { msgpack: 1, json: 2, binary: 3, custom: 4 } as const;
/** Name of a codec. */
export type CodecName = keyof typeof CODEC_NUMBERS;

/**
 * Words of a slot entry: META and extents as in the descriptor, then the words kept under the lock.
 */
export const SLOT_ENTRY_WORDS = 32;
export const SLOT_ENTRY_VERSION_LOW = 1 + SLOT_EXTENT_COUNT;
export const SLOT_ENTRY_VERSION_HIGH = SLOT_ENTRY_VERSION_LOW + 1;
export const SLOT_ENTRY_RECORD_COUNT = SLOT_ENTRY_VERSION_LOW + 2;
export const SLOT_ENTRY_EXPIRING_COUNT = SLOT_ENTRY_VERSION_LOW + 3;
export const SLOT_ENTRY_OVERFLOW_COUNT = SLOT_ENTRY_VERSION_LOW + 4;

/** Words of a segment entry. */
export const SEGMENT_ENTRY_WORDS = 4;
export const SEGMENT_ENTRY_USED = 0;
export const SEGMENT_ENTRY_LIVE = 1;
export const SEGMENT_ENTRY_GENERATION = 2;
export const SEGMENT_ENTRY_CRC = 3;

/** Bit of a used word: the segment was left because the next record did not fit. */
export const SEGMENT_ENTRY_FULL = 1;

/** Used bytes of a segment by the used word of its entry. */
export function entryUsedBytes(word: number): number {
  return word & ~SEGMENT_ENTRY_FULL;
}

/** Whether a segment is full by the used word of its entry. */
export function isEntryFull(word: number): boolean {
  return (word & SEGMENT_ENTRY_FULL) !== 0;
}

/**
 * Live bytes that the checkpoint does not know, as of a segment with uncommitted records: they are
 * counted when it is restored.
 */
export const LIVE_UNKNOWN = -1;

/** Where the parts of a checkpoint begin. */
export function checkpointParts(segmentCount: number, bucketCount: number, ledgerBytes = 0): {
  readonly slots: number;
  readonly segments: number;
  readonly buckets: number;
  readonly ledger: number;
  readonly length: number;
} {
  const slots = CHECKPOINT_HEADER_BYTES;
  const segments = slots + SLOT_COUNT * SLOT_ENTRY_WORDS * 4;
  const buckets = Math.ceil((segments + segmentCount * SEGMENT_ENTRY_WORDS * 4) / 64) * 64;
  const ledger = buckets + bucketCount * 64;
  return { slots, segments, buckets, ledger, length: ledger + ledgerBytes };
}

assert(SLOT_ENTRY_OVERFLOW_COUNT < SLOT_ENTRY_WORDS, "a slot entry holds its words");
