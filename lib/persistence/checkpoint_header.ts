/**
 * The header of a checkpoint that is being written.
 *
 * @module
 */
import type { Pool } from "../pool/pool.ts";
import {
  CHECKPOINT_CODEC,
  CHECKPOINT_FORMAT,
  CHECKPOINT_HASH_KEY,
  CHECKPOINT_IMAGE,
  CHECKPOINT_INDEX_NEXT,
  CHECKPOINT_KEY_TYPES,
  CHECKPOINT_LEDGER_BYTES,
  CHECKPOINT_LENGTH,
  CHECKPOINT_MAGIC,
  CHECKPOINT_NUMBER,
  CHECKPOINT_SEGMENT_BYTES,
  CHECKPOINT_SEGMENT_COUNT,
  CHECKPOINT_VERSION,
  CHECKPOINT_VERSION_PLAIN,
  checkpointParts,
  CODEC_NUMBERS,
  type CodecName,
} from "./checkpoint_layout.ts";

/** What a snapshot is called, and what it has to remember beside the pool. */
export interface SnapshotIdentity {
  /** Number of the snapshot, one more than its predecessor's. */
  readonly number: number;
  /** Number of its image. */
  readonly image: number;
  readonly codec: CodecName;
}

/**
 * Writes the header of a checkpoint with so many segments and buckets, and bytes of ledger, but for
 * its CRC and the list of free buckets.
 */
export function writeHeader(
  pool: Pool,
  identity: SnapshotIdentity,
  bytes: Uint8Array,
  segmentCount: number,
  bucketCount: number,
  ledgerBytes: number,
): DataView {
  const { slots, length } = checkpointParts(segmentCount, bucketCount, ledgerBytes);
  bytes.fill(0, 0, slots);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes.set(new TextEncoder().encode(CHECKPOINT_MAGIC));
  const version = ledgerBytes > 0 ? CHECKPOINT_VERSION : CHECKPOINT_VERSION_PLAIN;
  view.setUint32(CHECKPOINT_FORMAT, version, true);
  view.setUint32(CHECKPOINT_LEDGER_BYTES, ledgerBytes, true);
  view.setUint32(CHECKPOINT_LENGTH, length % 2 ** 32, true);
  view.setUint32(CHECKPOINT_LENGTH + 4, Math.floor(length / 2 ** 32), true);
  view.setUint32(CHECKPOINT_NUMBER, identity.number, true);
  view.setUint32(CHECKPOINT_CODEC, CODEC_NUMBERS[identity.codec], true);
  view.setUint32(CHECKPOINT_IMAGE, identity.image, true);
  view.setUint32(CHECKPOINT_KEY_TYPES, pool.keyTypes, true);
  view.setUint32(CHECKPOINT_SEGMENT_BYTES, pool.geometry.segmentBytes, true);
  view.setUint32(CHECKPOINT_SEGMENT_COUNT, segmentCount, true);
  view.setInt32(CHECKPOINT_HASH_KEY, pool.hashKey[0], true);
  view.setInt32(CHECKPOINT_HASH_KEY + 4, pool.hashKey[1], true);
  view.setUint32(CHECKPOINT_INDEX_NEXT, bucketCount, true);
  return view;
}

/** The ledger in a checkpoint; no bytes if it has none. */
export function ledgerOf(checkpoint: Uint8Array): Uint8Array {
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
  const length = view.getUint32(CHECKPOINT_LEDGER_BYTES, true);
  return checkpoint.slice(checkpoint.length - length);
}

/** Segments that a checkpoint names. */
export function segmentCountOf(checkpoint: Uint8Array): number {
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
  return view.getUint32(CHECKPOINT_SEGMENT_COUNT, true);
}
