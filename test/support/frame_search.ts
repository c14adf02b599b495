/**
 * Finds frames behind the checkpoint in the files of a pool, without what the library knows about
 * them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkpointParts } from "../../lib/persistence/checkpoint_layout.ts";

/** A frame in an image. */
export interface FoundFrame {
  /** Where its header begins, and how long header and payload are. */
  readonly offset: number;
  readonly bytes: number;
  /** Offset in the image up to which it says that all was synced when it was written. */
  readonly syncedTo: number;
  readonly segment: number;
  /** Length of its first record's key; 0 for the store's own. */
  readonly keyBytes: number;
}

const FRAME_MAGIC = 0x52464e44;

/** The frames behind the checkpoint, in the order of the file. */
export function framesBehind(path: string): FoundFrame[] {
  const checkpoint = readFileSync(join(path, "checkpoint"));
  const image = readFileSync(join(path, "image-1"));
  const segmentBytes = checkpoint.readUInt32LE(28);
  const segmentCount = checkpoint.readUInt32LE(32);
  const entries = checkpointParts(segmentCount, 0).segments;
  const found: FoundFrame[] = [];
  for (let segment = 0; segment < segmentCount; segment++) {
    const start = segment * segmentBytes;
    const end = Math.min(start + segmentBytes, image.length);
    let offset = start + (checkpoint.readUInt32LE(entries + segment * 16) || 64);
    while (offset + 32 <= end && image.readUInt32LE(offset + 24) === FRAME_MAGIC) {
      const bytes = 32 + image.readUInt32LE(offset + 8);
      const syncedTo = start + image.readUInt32LE(offset + 20);
      const keyBytes = image.readUInt32LE(offset + 36) & 0x7ff; // short keys only
      found.push({ offset, bytes, syncedTo, segment, keyBytes });
      offset += bytes;
    }
  }
  return found;
}

/**
 * A frame with a key of the application, of which a later one in its segment says that it had been
 * synced.
 */
export function syncedFrame(path: string): FoundFrame {
  const frames = framesBehind(path);
  const isSynced = (frame: FoundFrame) =>
    frame.keyBytes > 0 && frames.some((later) => {
      return later.segment === frame.segment && later.offset > frame.offset &&
        later.syncedTo > frame.offset;
    });
  const found = frames.find(isSynced);
  if (found === undefined) throw new Error(`none of ${frames.length} frames is known to be synced`);
  return found;
}
