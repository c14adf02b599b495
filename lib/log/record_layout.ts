/**
 * Layout of a log record, and the hot accessors to it. Offsets in words of 4 bytes.
 *
 * ```text
 *   word 0   value length in bytes
 *   word 1   key length bits 0-10 (0-10) | kind (11-13) | flags (14-15) | version bits 32-46
 *            (16-30) | key length bit 11 (31): a key of 2048 bytes is the only one to need it
 *   word 2   hash of the key; its top 12 bits are the slot
 *   word 3   version bits 0-31
 *   word 4   position of the request that wrote it, in its client's ring (for I5); of a session's
 *            request its number
 *   word 5   client that sent that request: bits 0-7 its place, bits 8-30 which of the place's
 *            clients it is; or, with bit 31, the session of another process, in bits 0-30
 *   word 6   address of the record that it replaced, 0 for none
 *   word 7   key bytes, zero-padded to whole words
 *   ...      expiry time, 2 words, only with the flag EXPIRES: milliseconds, low 32 and high 16
 *            bits
 *   ...      value bytes, from a multiple of 8 bytes, zero-padded to a multiple of 8 bytes
 * ```
 *
 * Records are 8-byte aligned, as a pool address counts in units of 8 bytes. A client builds the
 * record in its request ring; the KN copies it whole and fills in the version and the replaced
 * address. I2: all of it is written before the index points at it, and nothing of it changes
 * afterwards, except its kind: a reservation becomes a put when its value has been written, and
 * records of an atomic commit are pending while the index is pointed at them.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX, VERSION_MAX } from "../core/limits.ts";

export const RECORD_VALUE_BYTES = 0;
export const RECORD_META = 1;
export const RECORD_HASH = 2;
export const RECORD_VERSION_LOW = 3;
export const RECORD_REQUEST_POSITION = 4;
export const RECORD_CLIENT = 5;
export const RECORD_REPLACES = 6;
export const RECORD_KEY = 7;

/**
 * What a record says. A reservation is space for a large value that is not written yet; FRAME marks
 * the header of a frame, see frame_layout.ts. A pending put or delete is one of an atomic commit
 * that is being shown, see agent/shown_commit.ts; no file has such records.
 */
export const RecordKind = {
  PUT: 1,
  DELETE: 2,
  CLEAR: 3,
  RESERVATION: 4,
  FRAME: 5,
  PENDING_PUT: 6,
  PENDING_DELETE: 7,
} as const;

const KEY_LENGTH_MASK = 0x7ff;
const KEY_LENGTH_LOW_BITS = 11;
/** Moves the highest bit of a key's length to where it stands, and back. */
const KEY_LENGTH_TOP_SHIFT = 31;
const KIND_SHIFT = 11;
const KIND_MASK = 7;
/** Both kinds of pending records have these bits, and no other kind has both. */
const PENDING_BITS = RecordKind.PENDING_PUT << KIND_SHIFT;
/** The key was given as bytes, not as a string. */
export const FLAG_BINARY_KEY = 1 << 14;
/** The record has an expiry time. */
export const FLAG_EXPIRES = 1 << 15;
const VERSION_HIGH_SHIFT = 16;
const VERSION_HIGH_MASK = 0x7fff;
const LOW_HALF = 0xffff;
/** Bit of the client word: it names a session. All bits of it name no client. */
const SESSION_BIT = 1 << 31;

/** The largest number that a session can have; they count from 1. */
export const SESSION_MAX: number = 2 ** 31 - 2;

/**
 * Bytes at the start of a segment that hold no record: its header, see {@linkcode SEGMENT_MAGIC}.
 */
export const SEGMENT_HEADER_BYTES = 64;
/**
 * Bytes of a frame's header, which stands in front of what a batch has appended; see
 * frame_layout.ts.
 */
export const FRAME_HEADER_BYTES = 32;
/**
 * Header word 0 of a segment: "DNSG". Word 1 is its number, word 2 its generation, word 3 a CRC;
 * the rest is zero.
 */
export const SEGMENT_MAGIC = 0x47534e44;

assert(
  KEY_BYTES_MAX < 2 << KEY_LENGTH_LOW_BITS && KEY_LENGTH_MASK === (1 << KEY_LENGTH_LOW_BITS) - 1,
  "the header holds every key length",
);
assert(VERSION_MAX < (VERSION_HIGH_MASK + 1) * 2 ** 32, "the header holds every version");
assert(SEGMENT_HEADER_BYTES % 8 === 0, "the first record is aligned");

/** The client word of the requests and records of a session. */
export function sessionName(session: number): number {
  return session | SESSION_BIT;
}

/** The session that a client word names; 0 if it names a client of the process itself. */
export function sessionOf(clientWord: number): number {
  return clientWord < 0 && clientWord !== -1 ? clientWord & ~SESSION_BIT : 0;
}

/** Packs word 1 of a record. */
export function packMeta(keyBytes: number, kind: number, flags: number): number {
  return (keyBytes & KEY_LENGTH_MASK) | (kind << KIND_SHIFT) | flags |
    (keyBytes >>> KEY_LENGTH_LOW_BITS << KEY_LENGTH_TOP_SHIFT);
}

/** Length of the key in bytes. */
export function metaKeyBytes(meta: number): number {
  return (meta & KEY_LENGTH_MASK) | (meta >>> KEY_LENGTH_TOP_SHIFT << KEY_LENGTH_LOW_BITS);
}

/** One of {@linkcode RecordKind}. */
export function metaKind(meta: number): number {
  return (meta >>> KIND_SHIFT) & KIND_MASK;
}

/** The same word with another kind. */
export function metaWithKind(meta: number, kind: number): number {
  return (meta & ~(KIND_MASK << KIND_SHIFT)) | (kind << KIND_SHIFT);
}

/** Whether the record is one of an atomic commit that is being shown. */
export function isPending(meta: number): boolean {
  return (meta & PENDING_BITS) === PENDING_BITS;
}

/** The same word of a put or a delete, as a pending one. */
export function metaAsPending(meta: number): number {
  const isPut = metaKind(meta) === RecordKind.PUT;
  return metaWithKind(meta, isPut ? RecordKind.PENDING_PUT : RecordKind.PENDING_DELETE);
}

/** The same word of a pending record, as a put or a delete. */
export function metaAsShown(meta: number): number {
  const isPut = metaKind(meta) === RecordKind.PENDING_PUT;
  return metaWithKind(meta, isPut ? RecordKind.PUT : RecordKind.DELETE);
}

/** The same word with the high bits of a version. */
export function metaWithVersionHigh(meta: number, versionHigh: number): number {
  return (meta & ~(VERSION_HIGH_MASK << VERSION_HIGH_SHIFT)) | (versionHigh << VERSION_HIGH_SHIFT);
}

/** The same word, of a record that has an expiry time or has none. */
export function metaWithExpiry(meta: number, expires: boolean): number {
  return expires ? meta | FLAG_EXPIRES : meta & ~FLAG_EXPIRES;
}

/** The high bits of the version. */
export function metaVersionHigh(meta: number): number {
  return (meta >>> VERSION_HIGH_SHIFT) & VERSION_HIGH_MASK;
}

/** The version from its two words. */
export function recordVersion(meta: number, versionLow: number): number {
  return metaVersionHigh(meta) * 2 ** 32 + (versionLow >>> 0);
}

/** Words from the start of a record to its value, a multiple of 2: see core/copy_words.ts. */
export function valueWord(meta: number): number {
  const keyEnd = RECORD_KEY + ((metaKeyBytes(meta) + 3) >>> 2);
  return (keyEnd + ((meta & FLAG_EXPIRES) !== 0 ? 2 : 0) + 1) & ~1;
}

/** Words of a whole record, a multiple of 2. */
export function recordWords(meta: number, valueBytes: number): number {
  return valueWord(meta) + (((valueBytes + 7) >>> 3) << 1);
}

/**
 * Bytes of a record that came from a file; 0 if it cannot be one.
 *
 * @param bytesLeft bytes to the end of what holds it
 * @param lastKind the largest of {@linkcode RecordKind} that may stand there
 */
export function possibleRecordBytes(
  words: Int32Array,
  at: number,
  bytesLeft: number,
  lastKind: number,
): number {
  const meta = words[at + RECORD_META];
  const valueBytes = words[at + RECORD_VALUE_BYTES];
  const isPossible = bytesLeft > RECORD_KEY * 4 && metaKeyBytes(meta) <= KEY_BYTES_MAX &&
    metaKind(meta) >= RecordKind.PUT && metaKind(meta) <= lastKind &&
    valueBytes >= 0 && valueBytes <= bytesLeft - valueWord(meta) * 4;
  return isPossible ? recordWords(meta, valueBytes) * 4 : 0;
}

/** Expiry time in milliseconds since the epoch; Infinity without the flag. */
export function recordExpiry(words: Int32Array, at: number): number {
  const meta = words[at + RECORD_META];
  if ((meta & FLAG_EXPIRES) === 0) return Infinity;
  const low = at + valueWord(meta) - 2;
  return (words[low + 1] & LOW_HALF) * 2 ** 32 + (words[low] >>> 0);
}

/** Writes the two words of an expiry time. */
export function writeExpiry(words: Int32Array, low: number, expiresAtMs: number): void {
  words[low] = expiresAtMs | 0;
  words[low + 1] = Math.floor(expiresAtMs / 2 ** 32);
}

/**
 * Whether a record's key equals the given words; both are zero-padded, so whole words are compared.
 */
export function keyEquals(
  words: Int32Array,
  at: number,
  keyWords: Int32Array,
  keyAt: number,
  keyBytes: number,
): boolean {
  if (metaKeyBytes(words[at + RECORD_META]) !== keyBytes) return false;
  const first = at + RECORD_KEY;
  const count = (keyBytes + 3) >>> 2;
  for (let i = 0; i < count; i++) {
    if (words[first + i] !== keyWords[keyAt + i]) return false;
  }
  return true;
}
