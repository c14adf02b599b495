/**
 * Frames: what a batch has appended, as it stands in the log and in the file. Offsets in words of 4
 * bytes.
 *
 * ```text
 *   word 0   zero                     } so that to a thread that walks over a segment's records
 *   word 1   META with kind FRAME     } a frame's header is one more record, without a key
 *   word 2   payload bytes: the records behind this header, a multiple of 8
 *   word 3   generation of the segment
 *   word 4   pool address of this header
 *   word 5   bytes of the segment that were known to be synced when this frame was written
 *   word 6   "DNFR"
 *   word 7   CRC-32 of words 0 to 6 and of the payload, begun with a value that only this pool has
 * ```
 *
 * Whether a frame is whole can be told from the frame alone: its CRC covers its length, its place,
 * and the life of the segment that it belongs to. The CRC begins with a value derived from the
 * pool's random hash key, so a value that a client stores cannot pretend to be a frame. Word 5
 * tells damage from loss: see persistence/frame_replay.ts.
 *
 * The header of a segment is written with its first frame, and carries a CRC of its own in word 3.
 *
 * @module
 */
import { crc32, ownCrc32 } from "../platform/crc32.ts";
import type { PoolAddress, SegmentId } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import { FRAME_HEADER_BYTES, packMeta, RecordKind, SEGMENT_MAGIC } from "./record_layout.ts";

const FRAME_META = 1;
const FRAME_PAYLOAD = 2;
const FRAME_GENERATION = 3;
const FRAME_ADDRESS = 4;
const FRAME_SYNCED = 5;
const FRAME_MAGIC_WORD = 6;
const FRAME_CRC = 7;

/** "DNFR". */
const FRAME_MAGIC = 0x52464e44;
const META = packMeta(0, RecordKind.FRAME, 0);
/** Word of a segment's header that holds its CRC. */
const SEGMENT_CRC = 3;

/** What CRCs of a pool begin with. */
export function crcSeed(pool: Pool): number {
  const [key0, key1] = pool.hashKey;
  return (Math.imul(key0, 0x9e3779b1) ^ key1) >>> 0;
}

/** Completes the header of a frame whose records are all there. */
export function sealFrame(
  pool: Pool,
  address: PoolAddress,
  payloadBytes: number,
  generation: number,
  syncedBytes: number,
): void {
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  words[at] = 0;
  words[at + FRAME_META] = META;
  words[at + FRAME_PAYLOAD] = payloadBytes;
  words[at + FRAME_GENERATION] = generation;
  words[at + FRAME_ADDRESS] = address;
  words[at + FRAME_SYNCED] = syncedBytes;
  words[at + FRAME_MAGIC_WORD] = FRAME_MAGIC;
  words[at + FRAME_CRC] = crcOf(pool, address, payloadBytes);
}

/** Whether a frame's header may begin at an address; cheap, for searching. */
export function looksLikeFrame(words: Int32Array, at: number, generation: number): boolean {
  return words[at + FRAME_MAGIC_WORD] === FRAME_MAGIC && words[at + FRAME_META] === META &&
    words[at + FRAME_GENERATION] === generation;
}

/**
 * Checks the frame at an address.
 *
 * @param bytesLeft bytes from there to the end of the segment
 * @returns the length of its payload in bytes, or -1 if there is no whole frame of this generation
 */
export function checkFrame(
  pool: Pool,
  address: PoolAddress,
  generation: number,
  bytesLeft: number,
): number {
  if (bytesLeft < FRAME_HEADER_BYTES) return -1;
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  const payloadBytes = words[at + FRAME_PAYLOAD];
  const isPossible = looksLikeFrame(words, at, generation) &&
    words[at + FRAME_ADDRESS] === address && payloadBytes > 0 &&
    payloadBytes % ADDRESS_UNIT_BYTES === 0 && payloadBytes <= bytesLeft - FRAME_HEADER_BYTES;
  if (!isPossible || crcOf(pool, address, payloadBytes) !== words[at + FRAME_CRC]) return -1;
  return payloadBytes;
}

/** The length that a frame's header claims, whole or not: what checking it costs. */
export function claimedBytes(words: Int32Array, at: number): number {
  return words[at + FRAME_PAYLOAD] >>> 0;
}

/** Bytes of the segment that were known to be synced when a checked frame was written. */
export function frameSyncedBytes(pool: Pool, address: PoolAddress): number {
  return pool.wordsOf(address)[pool.wordAt(address) + FRAME_SYNCED];
}

/** Completes a segment's header for the file. */
export function sealSegmentHeader(pool: Pool, segment: SegmentId): void {
  const address = pool.segmentAddress(segment);
  pool.wordsOf(address)[pool.wordAt(address) + SEGMENT_CRC] = segmentHeaderCrc(pool, address);
}

/** Whether a segment begins with a whole header of a generation. */
export function hasSegmentHeader(pool: Pool, segment: SegmentId, generation: number): boolean {
  const address = pool.segmentAddress(segment);
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  return words[at] === SEGMENT_MAGIC && words[at + 1] === segment &&
    words[at + 2] === generation && words[at + SEGMENT_CRC] === segmentHeaderCrc(pool, address);
}

function crcOf(pool: Pool, address: PoolAddress, payloadBytes: number): number {
  const bytes = pool.bytesOf(address);
  const start = pool.wordAt(address) * 4;
  const header = ownCrc32(bytes, crcSeed(pool), start, start + FRAME_CRC * 4);
  const payload = start + FRAME_HEADER_BYTES;
  return crc32(bytes.subarray(payload, payload + payloadBytes), header) | 0;
}

function segmentHeaderCrc(pool: Pool, address: PoolAddress): number {
  const start = pool.wordAt(address) * 4;
  return crc32(pool.bytesOf(address).subarray(start, start + SEGMENT_CRC * 4), crcSeed(pool)) | 0;
}
