/**
 * Facts about the pool at a path.
 *
 * @module
 */
import { join } from "node:path";
import type { SegmentId } from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { epochMs } from "../platform/runtime.ts";
import { indexBytes } from "../index/index_space.ts";
import { OneSidedReader } from "../index/one_sided_reader.ts";
import { SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import * as layout from "../persistence/checkpoint_layout.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import type { Damage, RecoveryReport } from "../persistence/replay_report.ts";
import { isLockHelperFile, LOCK_FILE } from "../persistence/pool_directory.ts";
import { readCheckpoint, type StoredCheckpoint } from "../persistence/checkpoint_reader.ts";
import { BUCKET_BYTES } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { keysOfSlots } from "../index/key_count.ts";
import { BadDataError } from "./exit_codes.ts";
import { describeDamage, restoreInMemory } from "./pool_access.ts";

/** What `info --json` prints. */
export interface PoolInfo {
  readonly path: string;
  /** Version of the file format. */
  readonly format: number;
  /** Number of the checkpoint, and of its image. */
  readonly checkpoint: number;
  /** See {@linkcode checkpoint}. */
  readonly image: number;
  readonly codec: layout.CodecName;
  /** Types of the keys. */
  readonly keyTypes: KeyTypes;
  readonly capacityBytes: number;
  readonly segmentBytes: number;
  readonly segments: { readonly used: number; readonly free: number };
  /** Keys, those included that have expired; as of the checkpoint if the pool is damaged. */
  readonly keys: number;
  readonly indexBytes: number;
  /** What was logged after the checkpoint; null if the pool is damaged. */
  readonly behindCheckpoint: BehindCheckpoint | null;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** What is damaged; empty for a healthy pool. */
  readonly damages: readonly Damage[];
}

/** What was logged after a checkpoint. */
export interface BehindCheckpoint {
  readonly frames: number;
  readonly records: number;
  /** Bytes of whole frames. */
  readonly bytes: number;
  /** Bytes of frames that are not whole, which were never acknowledged as durable. */
  readonly droppedBytes: number;
}

/**
 * Gathers the facts about the pool in a directory.
 *
 * @throws {FormatError} when the checkpoint is not of this format
 * @throws {CorruptionError} when the checkpoint is damaged; any other damage is reported
 */
export function gatherInfo(
  directory: string,
  onProgress?: (share: number) => void,
): PoolInfo {
  const checkpoint = readCheckpoint(nodeFileSystem, directory);
  const { format, number, image, codec, segmentBytes, segmentCount } = checkpoint;
  return {
    path: directory,
    format,
    checkpoint: number,
    image,
    codec,
    keyTypes: checkpoint.keys,
    capacityBytes: segmentBytes * segmentCount,
    segmentBytes,
    ...contentsOf(directory, checkpoint, onProgress),
    files: filesOf(directory),
  };
}

type Contents = Pick<
  PoolInfo,
  "segments" | "keys" | "indexBytes" | "behindCheckpoint" | "damages"
>;

function contentsOf(
  directory: string,
  checkpoint: StoredCheckpoint,
  onProgress: ((share: number) => void) | undefined,
): Contents {
  try {
    const { pool, recovery } = restoreInMemory(directory, onProgress);
    return restoredContents(pool, recovery, checkpoint);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    const { file, offset } = error;
    const damage = { file, offset, bytes: 0, reason: error.message };
    return { ...storedContents(checkpoint), damages: [damage] };
  }
}

function restoredContents(
  pool: Pool,
  recovery: RecoveryReport,
  checkpoint: StoredCheckpoint,
): Contents {
  const { frames, records, droppedBytes, damages } = recovery;
  const segments = new SegmentTable(pool);
  const stored = storedUsedBytes(checkpoint);
  let used = 0;
  let bytes = 0;
  stored.forEach((storedBytes, segment) => {
    if (segments.state(segment as SegmentId) !== SegmentState.FREE) used += 1;
    const usedBytes = segments.usedBytes(segment as SegmentId);
    if (usedBytes > storedBytes) bytes += usedBytes - (storedBytes || SEGMENT_HEADER_BYTES);
  });
  return {
    segments: { used, free: stored.length - used },
    keys: countKeys(pool),
    indexBytes: indexBytes(pool).allocated,
    behindCheckpoint: { frames, records, bytes, droppedBytes },
    damages,
  };
}

/** What the checkpoint says by itself; the codec's own record counts as a key there. */
function storedContents(checkpoint: StoredCheckpoint): Omit<Contents, "damages"> {
  const stored = storedUsedBytes(checkpoint);
  const used = stored.filter((bytes) => bytes > 0).length;
  const words = new Int32Array(checkpoint.bytes.buffer, layout.CHECKPOINT_HEADER_BYTES);
  let keys = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    keys += words[slot * layout.SLOT_ENTRY_WORDS + layout.SLOT_ENTRY_RECORD_COUNT];
  }
  return {
    segments: { used, free: stored.length - used },
    keys,
    indexBytes: checkpoint.bucketCount * BUCKET_BYTES,
    behindCheckpoint: null,
  };
}

function storedUsedBytes({ bytes, segmentCount }: StoredCheckpoint): number[] {
  const start = layout.checkpointParts(segmentCount, 0).segments;
  const words = new Int32Array(bytes.buffer, start, segmentCount * layout.SEGMENT_ENTRY_WORDS);
  return Array.from(
    { length: segmentCount },
    (_, i) =>
      layout.entryUsedBytes(words[i * layout.SEGMENT_ENTRY_WORDS + layout.SEGMENT_ENTRY_USED]),
  );
}

/** Keys of the application: the store's own does not count. */
export function countKeys(pool: Pool): number {
  const key = new KeyEncoder(...pool.hashKey);
  key.encodeSystemKey();
  return keysOfSlots(pool) - (new OneSidedReader(pool, epochMs).read(key, false) ? 1 : 0);
}

function filesOf(directory: string): { name: string; bytes: number }[] {
  return nodeFileSystem.list(directory).sort().flatMap((name) => {
    // The lock is this process's own.
    if (name === LOCK_FILE || isLockHelperFile(name)) return [];
    const info = nodeFileSystem.info(join(directory, name));
    return info?.kind === "file" ? [{ name, bytes: info.size }] : [];
  });
}

/**
 * Throws unless a pool was restored without damage.
 *
 * @throws {BadDataError} that says where it is damaged
 */
export function requireWhole(damages: readonly Damage[]): void {
  if (damages.length === 0) return;
  const [first] = damages;
  const others = damages.length === 1 ? "" : `, and ${damages.length - 1} more`;
  throw new BadDataError(`${describeDamage(first)}${others}; dinomo repair drops what is damaged`);
}
