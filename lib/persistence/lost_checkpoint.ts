/**
 * Tells a pool whose checkpoint is gone from one that has none yet.
 *
 * A pool whose writes are logged has its first checkpoint before anything is in its image, so an
 * image with frames and no checkpoint beside it is what is left of a pool, or of a backup of one
 * that was not completed. To begin anew there would write over it.
 *
 * An image without frames is of a store at `"memory"` whose process has ended in its first
 * snapshot, of which nothing was promised yet; an empty one of a pool that ended as it was made.
 *
 * @module
 */
import { join } from "node:path";
import { CorruptionError } from "../core/errors.ts";
import { SEGMENT_BYTES_MIN } from "../core/limits.ts";
import { looksLikeFrame } from "../log/frame_layout.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from "../log/record_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import { CHECKPOINT_FILE, imageNumber, openPoolFile } from "./pool_directory.ts";

/** Bytes of an image that are read at a time. */
const READ_BYTES = 256 * 1024;

/**
 * Checks that a directory without a checkpoint has no image of a pool that had one.
 *
 * @throws {CorruptionError} when it has
 */
export function assertNoLostCheckpoint(files: FileSystem, directory: string): void {
  for (const name of files.list(directory)) {
    if (imageNumber(name) === undefined) continue;
    const image = join(directory, name);
    if (!hasFrames(files, image)) continue;
    throw new CorruptionError(
      join(directory, CHECKPOINT_FILE),
      0,
      `it is missing, and ${image} has what was logged behind it. A backup of the pool can be ` +
        "opened; a directory that is to have a new pool must be empty",
    );
  }
}

/** Whether a segment of an image, whatever their size, begins with a frame. */
function hasFrames(files: FileSystem, image: string): boolean {
  const file = openPoolFile(files, image);
  try {
    const bytes = new Uint8Array(READ_BYTES);
    const words = new Int32Array(bytes.buffer);
    for (let offset = 0;; offset += READ_BYTES) {
      const length = readFully(files, file, bytes, offset);
      const end = length - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES;
      for (let at = 0; at <= end; at += SEGMENT_BYTES_MIN) {
        const word = at / 4;
        const isFrame = words[word] === SEGMENT_MAGIC &&
          looksLikeFrame(words, word + SEGMENT_HEADER_BYTES / 4, words[word + 2]!);
        if (isFrame) return true;
      }
      if (length < READ_BYTES) return false;
    }
  } finally {
    files.close(file);
  }
}
