/**
 * Reads the segments of a checkpoint from its image, in as many threads as there are.
 *
 * @module
 */
import { crc32 } from "../platform/crc32.ts";
import type { PoolAddress, SegmentId } from "../core/brands.ts";
import { CorruptionError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES } from "../core/limits.ts";
import { SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import { GENERATIONS } from "../pool/control_layout.ts";
import {
  SEGMENT_LIVE_BYTES,
  SEGMENT_LOST_BYTES,
  SEGMENT_STATE,
  SEGMENT_TOUCHED_BYTES,
  SEGMENT_USED_BYTES,
} from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentState } from "../pool/segment_state.ts";
import * as layout from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import type { LoadedSegments } from "./loaded_segments.ts";
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
 * @param loaded what memory has of them already; undefined: nothing
 * @throws {CorruptionError} when one is damaged
 */
export function loadSegments(
  pool: Pool,
  files: FileSystem,
  source: SegmentSource,
  from: number,
  to: number,
  loaded?: LoadedSegments,
): void {
  const file = openPoolFile(files, source.imagePath);
  try {
    for (let i = from; i < to; i++) loadSegment(pool, files, file, source, i as SegmentId, loaded);
  } finally {
    files.close(file);
  }
}

function loadSegment(
  pool: Pool,
  files: FileSystem,
  file: number,
  source: SegmentSource,
  segment: SegmentId,
  loaded: LoadedSegments | undefined,
): void {
  const { entries, entriesAt } = source;
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const entry = segment * layout.SEGMENT_ENTRY_WORDS * 4;
  const word = view.getUint32(entry + layout.SEGMENT_ENTRY_USED * 4, true);
  const used = layout.entryUsedBytes(word);
  const generation = view.getInt32(entry + layout.SEGMENT_ENTRY_GENERATION * 4, true);
  pool.control[GENERATIONS + segment] = generation;
  const read = new SegmentRead(pool, files, file, source.imagePath, segment);
  if (word === 0) return forget(read, loaded, generation);
  const isPossible = used <= pool.geometry.segmentBytes && used >= SEGMENT_HEADER_BYTES &&
    used % ADDRESS_UNIT_BYTES === 0;
  if (!isPossible) {
    const reason = `segment ${segment} cannot have ${used} bytes`;
    throw new CorruptionError(source.checkpointPath, entriesAt + entry, reason);
  }
  const crc = view.getUint32(entry + layout.SEGMENT_ENTRY_CRC * 4, true);
  if (loaded === undefined || !goOn(read, loaded, generation, used, crc)) {
    loaded?.forget(segment, generation);
    read.fill(0, used);
    if (read.crc(0, used, 0) !== crc) {
      throw new CorruptionError(
        source.imagePath,
        read.offset,
        `the CRC-32 of segment ${segment} does not match its contents`,
      );
    }
  }
  // What memory has behind the checkpoint's end is read again.
  if (loaded !== undefined) read.clear(used, loaded.readBytes(segment));
  loaded?.noteRead(segment, used, crc);
  const to = pool.segmentAt(segment);
  pool.control[to + SEGMENT_STATE] = SegmentState.SEALED;
  pool.control[to + SEGMENT_USED_BYTES] = used;
  pool.control[to + SEGMENT_LOST_BYTES] = layout.isEntryFull(word)
    ? pool.geometry.segmentBytes - used
    : 0;
  pool.control[to + SEGMENT_TOUCHED_BYTES] = used;
  pool.control[to + SEGMENT_LIVE_BYTES] = view.getInt32(
    entry + layout.SEGMENT_ENTRY_LIVE * 4,
    true,
  );
}

/** Leaves nothing in memory of a segment that is free by the checkpoint. */
function forget(read: SegmentRead, loaded: LoadedSegments | undefined, generation: number): void {
  if (loaded === undefined) return;
  read.clear(0, loaded.readBytes(read.segment));
  loaded.forget(read.segment, generation);
}

/**
 * Reads what memory does not have of a segment yet; false if what it has is not what the checkpoint
 * means: it is of another life, or its CRC is not the one of the checkpoint.
 */
function goOn(
  read: SegmentRead,
  loaded: LoadedSegments,
  generation: number,
  used: number,
  crc: number,
): boolean {
  const { segment } = read;
  if (!loaded.isOf(segment, generation)) return false;
  const have = loaded.readBytes(segment);
  if (used < have) return read.crc(0, used, 0) === crc;
  read.fill(have, used);
  return read.crc(have, used, loaded.crc(segment)) === crc;
}

/** One segment, as it is read from the image into memory. */
class SegmentRead {
  readonly segment: SegmentId;
  /** Where it begins in the image, in bytes. */
  readonly offset: number;
  readonly #files: FileSystem;
  readonly #file: number;
  readonly #path: string;
  readonly #pool: Pool;
  readonly #address: PoolAddress;

  constructor(pool: Pool, files: FileSystem, file: number, path: string, segment: SegmentId) {
    const address = pool.segmentAddress(segment);
    this.segment = segment;
    this.offset = (address >>> 0) * ADDRESS_UNIT_BYTES;
    this.#pool = pool;
    this.#address = address;
    this.#files = files;
    this.#file = file;
    this.#path = path;
  }

  /** Reads the bytes from one offset in the segment to before another. */
  fill(from: number, to: number): void {
    const bytes = this.#bytes(from, to);
    if (readFully(this.#files, this.#file, bytes, this.offset + from) === bytes.length) return;
    const reason = `the file ends within segment ${this.segment}`;
    throw new CorruptionError(this.#path, this.offset, reason);
  }

  /** Clears the bytes from one offset to before another, if there are any. */
  clear(from: number, to: number): void {
    if (from < to) this.#bytes(from, to).fill(0);
  }

  /** Goes on with a CRC by the bytes from one offset to before another. */
  crc(from: number, to: number, before: number): number {
    return crc32(this.#bytes(from, to), before);
  }

  #bytes(from: number, to: number): Uint8Array {
    const at = this.#pool.wordAt(this.#address) * 4;
    return this.#pool.bytesOf(this.#address).subarray(at + from, at + to);
  }
}
