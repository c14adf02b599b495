/**
 * Reads the segments of a checkpoint from its image, in as many threads as there are.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { SegmentId } from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import { SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import {
  GENERATIONS,
  SEGMENT_LIVE_BYTES,
  SEGMENT_LOST_BYTES,
  SEGMENT_STATE,
  SEGMENT_TOUCHED_BYTES,
  SEGMENT_USED_BYTES,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import * as layout from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import { openPoolFile } from "./pool_directory.ts";

/** Where segments are restored from; structured-cloneable. */
export interface SegmentSource {
  readonly imagePath: string;
  readonly checkpointPath: string;
  /** The segments' entries of the checkpoint, and their offset in it. */
  readonly entries: Uint8Array;
  /** See {@linkcode entries}. */
  readonly entriesAt: number;
  /** Segments that the checkpoint has. */
  readonly segmentCount: number;
}

/**
 * Reads the segments from one number to before another, and checks their CRCs; any thread may.
 *
 * @throws {CorruptionError} when one is damaged
 */
export function loadSegments(
  pool: Pool,
  files: FileSystem,
  source: SegmentSource,
  from: number,
  to: number,
): void {
  const { imagePath, checkpointPath: path, entries, entriesAt } = source;
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const file = openPoolFile(files, imagePath);
  try {
    for (let i = from; i < to; i++) {
      const segment = i as SegmentId;
      const entry = i * layout.SEGMENT_ENTRY_WORDS * 4;
      const word = view.getUint32(entry + layout.SEGMENT_ENTRY_USED * 4, true);
      const used = layout.entryUsedBytes(word);
      pool.control[GENERATIONS + i] = view.getUint32(
        entry + layout.SEGMENT_ENTRY_GENERATION * 4,
        true,
      );
      if (word === 0) continue;
      if (
        used > pool.geometry.segmentBytes || used < SEGMENT_HEADER_BYTES ||
        used % ADDRESS_UNIT_BYTES !== 0
      ) {
        throw new CorruptionError(
          path,
          entriesAt + entry,
          `segment ${i} cannot have ${used} bytes`,
        );
      }
      const address = pool.segmentAddress(segment);
      const at = pool.wordAt(address) * 4;
      const bytes = pool.bytesOf(address).subarray(at, at + used);
      const offset = (address >>> 0) * ADDRESS_UNIT_BYTES;
      if (readFully(files, file, bytes, offset) !== used) {
        throw new CorruptionError(imagePath, offset, `the file ends within segment ${i}`);
      }
      if (crc32(bytes) !== view.getUint32(entry + layout.SEGMENT_ENTRY_CRC * 4, true)) {
        throw new CorruptionError(
          imagePath,
          offset,
          `the CRC-32 of segment ${i} does not match its contents`,
        );
      }
      const live = view.getInt32(entry + layout.SEGMENT_ENTRY_LIVE * 4, true);
      const to = pool.segmentAt(segment);
      pool.control[to + SEGMENT_STATE] = SegmentState.SEALED;
      pool.control[to + SEGMENT_USED_BYTES] = used;
      pool.control[to + SEGMENT_LOST_BYTES] = layout.isEntryFull(word)
        ? pool.geometry.segmentBytes - used
        : 0;
      pool.control[to + SEGMENT_TOUCHED_BYTES] = used;
      pool.control[to + SEGMENT_LIVE_BYTES] = live;
    }
  } finally {
    files.close(file);
  }
}
