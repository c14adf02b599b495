/**
 * Reads a checkpoint file.
 *
 * Nothing in it is believed before it is checked: magic, format version, length, what memory is
 * needed, CRC, in this order, each with its own error. So a truncated, foreign or damaged file ends
 * in a typed error before any memory is allocated for it.
 *
 * @module
 */
import { type KeyTypes, keyTypesOf } from "../core/key_types.ts";
import { join } from "node:path";
import { crc32 } from "../platform/crc32.ts";
import { CorruptionError, FormatError, PathError } from "../core/errors.ts";
import {
  CAPACITY_BYTES_MAX,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
} from "../core/limits.ts";
import { formatBytes } from "../core/units.ts";
import { geometryOf } from "../pool/geometry.ts";
import * as layout from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import { ledgerOf } from "./checkpoint_header.ts";
import { isPossibleCopy, LEDGER_COPY_BYTES_MAX } from "./ledger_copy.ts";
import { CHECKPOINT_FILE, openPoolFile } from "./pool_directory.ts";

/** A checkpoint file that was read, and whose header is possible. */
export interface StoredCheckpoint {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly format: number;
  readonly number: number;
  readonly image: number;
  readonly codec: layout.CodecName;
  readonly keys: KeyTypes;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  /** Buckets of the index, the unused bucket 0 included. */
  readonly bucketCount: number;
  /** What became of other processes' requests: see ledger_copy.ts; no bytes if there is none. */
  readonly ledger: Uint8Array;
}

/**
 * Reads the checkpoint in a directory.
 *
 * @throws {FormatError} when the file is not of this format, or of a newer one
 * @throws {CorruptionError} when it is damaged
 */
export function readCheckpoint(files: FileSystem, directory: string): StoredCheckpoint {
  const path = join(directory, CHECKPOINT_FILE);
  const bytes = readCheckpointFile(files, path);
  const view = new DataView(bytes.buffer);
  const segmentBytes = view.getUint32(layout.CHECKPOINT_SEGMENT_BYTES, true);
  const segmentCount = view.getUint32(layout.CHECKPOINT_SEGMENT_COUNT, true);
  const bucketCount = view.getUint32(layout.CHECKPOINT_INDEX_NEXT, true);
  const format = view.getUint32(layout.CHECKPOINT_FORMAT, true);
  const keyTypes = view.getUint32(layout.CHECKPOINT_KEY_TYPES, true);
  // The CRC does not cover the version.
  if ((format < layout.CHECKPOINT_VERSION_KEY_TYPES) !== (keyTypes === 0)) {
    throw new FormatError(
      `${path} must have types of keys since format version ${layout.CHECKPOINT_VERSION_KEY_TYPES}, ` +
        `got ${keyTypes} with version ${format}`,
    );
  }
  const ledger = ledgerOf(bytes);
  // The CRC does not cover the version.
  if ((format < layout.CHECKPOINT_VERSION_LEDGER) !== (ledger.length === 0)) {
    throw new FormatError(
      `${path} must have a ledger since format version ${layout.CHECKPOINT_VERSION_LEDGER}, ` +
        `got one of ${ledger.length} bytes with version ${format}`,
    );
  }
  if (ledger.length > 0 && !isPossibleCopy(ledger, format)) {
    const offset = bytes.length - ledger.length;
    throw new CorruptionError(path, offset, "its ledger is impossible");
  }
  return {
    path,
    bytes,
    format,
    number: view.getUint32(layout.CHECKPOINT_NUMBER, true),
    image: view.getUint32(layout.CHECKPOINT_IMAGE, true),
    codec: codecNameOf(path, view.getUint32(layout.CHECKPOINT_CODEC, true)),
    keys: keyTypesIn(path, keyTypes),
    segmentBytes,
    segmentCount,
    bucketCount,
    ledger,
  };
}

function readCheckpointFile(files: FileSystem, path: string): Uint8Array<ArrayBuffer> {
  const size = files.info(path)?.size ?? 0;
  const file = openPoolFile(files, path);
  try {
    const header = new Uint8Array(layout.CHECKPOINT_HEADER_BYTES);
    const headerBytes = readFully(files, file, header, 0);
    const magic = new TextDecoder("latin1").decode(header.subarray(0, 8));
    if (magic !== layout.CHECKPOINT_MAGIC) {
      throw new FormatError(
        `${path} must begin with "${layout.CHECKPOINT_MAGIC}", got ${JSON.stringify(magic)}`,
      );
    }
    if (headerBytes < header.length) {
      throw new CorruptionError(path, headerBytes, "the file ends within its header");
    }
    const view = new DataView(header.buffer);
    const format = view.getUint32(layout.CHECKPOINT_FORMAT, true);
    if (format < layout.CHECKPOINT_VERSION_MIN || format > layout.CHECKPOINT_VERSION) {
      throw new FormatError(
        `${path} must have format version ${layout.CHECKPOINT_VERSION_MIN} to ${layout.CHECKPOINT_VERSION}, got version ${format}; ` +
          "it was written by another release of dinomo",
      );
    }
    const length = view.getUint32(layout.CHECKPOINT_LENGTH, true) +
      view.getUint32(layout.CHECKPOINT_LENGTH + 4, true) * 2 ** 32;
    if (length !== size) {
      throw new CorruptionError(
        path,
        Math.min(size, length),
        `it should have ${length} bytes and has ${size}`,
      );
    }
    checkSizes(
      path,
      view.getUint32(layout.CHECKPOINT_SEGMENT_BYTES, true),
      view.getUint32(layout.CHECKPOINT_SEGMENT_COUNT, true),
      view.getUint32(layout.CHECKPOINT_INDEX_NEXT, true),
      view.getUint32(layout.CHECKPOINT_LEDGER_BYTES, true),
      length,
    );
    const bytes = allocateBytes(path, size);
    if (readFully(files, file, bytes, 0) !== size) {
      throw new CorruptionError(path, 0, "the file could not be read to its end");
    }
    if (
      crc32(bytes.subarray(layout.CHECKPOINT_CRC_START)) !==
        view.getUint32(layout.CHECKPOINT_CRC, true)
    ) {
      throw new CorruptionError(
        path,
        layout.CHECKPOINT_CRC,
        "its CRC-32 does not match its contents",
      );
    }
    return bytes;
  } finally {
    files.close(file);
  }
}

function checkSizes(
  path: string,
  segmentBytes: number,
  segmentCount: number,
  bucketCount: number,
  ledgerBytes: number,
  length: number,
): void {
  const isPossible = Math.log2(segmentBytes) % 1 === 0 && segmentBytes >= SEGMENT_BYTES_MIN &&
    segmentBytes <= SEGMENT_BYTES_MAX && segmentCount >= SEGMENT_COUNT_MIN &&
    segmentCount <= SEGMENT_COUNT_MAX && segmentCount * segmentBytes <= CAPACITY_BYTES_MAX &&
    bucketCount >= 1 &&
    bucketCount <= geometryOf(segmentCount * segmentBytes, segmentBytes).bucketCount &&
    ledgerBytes % 8 === 0 && ledgerBytes <= LEDGER_COPY_BYTES_MAX;
  const hasLength = isPossible &&
    layout.checkpointParts(segmentCount, bucketCount, ledgerBytes).length === length;
  if (!hasLength) {
    throw new CorruptionError(
      path,
      layout.CHECKPOINT_SEGMENT_BYTES,
      `${segmentCount} segments of ${segmentBytes} bytes and ${bucketCount} buckets are impossible`,
    );
  }
}

/**
 * Memory for a file whose size is possible. A file may be sparse, and larger than what this process
 * can have.
 */
function allocateBytes(path: string, size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new PathError(
      `path must be a pool whose checkpoint fits into memory, got ${path} of ${formatBytes(size)}`,
      { cause: error },
    );
  }
}

function keyTypesIn(path: string, stored: number): KeyTypes {
  const types = keyTypesOf(stored);
  if (types !== undefined) return types;
  throw new CorruptionError(path, layout.CHECKPOINT_KEY_TYPES, `keys ${stored} are impossible`);
}

function codecNameOf(path: string, stored: number): layout.CodecName {
  const names = Object.keys(layout.CODEC_NUMBERS) as layout.CodecName[];
  const name = names.find((candidate) => layout.CODEC_NUMBERS[candidate] === stored);
  if (name === undefined) {
    throw new CorruptionError(path, layout.CHECKPOINT_CODEC, `codec ${stored} is impossible`);
  }
  return name;
}
