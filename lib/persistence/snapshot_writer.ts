/**
 * Writes a snapshot of the pool as of one moment: the segments into an image, everything else into
 * a checkpoint.
 *
 * 1. While all agents stand between two steps (some microseconds, plus the time to copy the index:
 *    about a millisecond per million keys) copy slots, segment table and index. From here on,
 *    segments that lose their last live byte are not freed: nothing overwrites what the copy points
 *    at (I10).
 * 2. With the agents at work again, write the segments' bytes as far as they were used at that
 *    moment, sync, then the checkpoint beside its predecessor, sync, and rename it over the
 *    predecessor. Before the rename the previous snapshot is whole, after it this one is.
 * 3. Free what was held back, and remove images that no checkpoint names.
 *
 * @module
 */
import { join } from "node:path";
import { crc32, crc32OfZeros } from "../platform/crc32.ts";
import type { SegmentId, Slot } from "../core/brands.ts";
import { trace, TRACED } from "../platform/debug.ts";
import { SnapshotError } from "../core/errors.ts";
import { ADDRESS_UNIT_BYTES, REGION_BYTES, SLOT_COUNT } from "../core/limits.ts";
import { monotonicMs } from "../platform/runtime.ts";
import {
  AGENT_DPM,
  GATE_DEFER_FREE,
  GENERATIONS,
  INDEX_SPACE_FREE,
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_NEXT,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENT_COUNT,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../pool/control_layout.ts";
import { SEGMENT_CRC, SEGMENT_CRC_BYTES } from "../pool/segment_layout.ts";
import { isLogged } from "../pool/durability.ts";
import { mergeInPause, mergeLogs } from "../far/log/merged_pause.ts";
import { whilePaused } from "../pool/gate.ts";
import { BUCKET_BYTES } from "../pool/geometry.ts";
import type { Pool } from "../pool/pool.ts";
import { wantedSegments } from "../pool/segment_growth.ts";
import { DeferFree, SegmentState } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import {
  CHECKPOINT_CRC,
  CHECKPOINT_CRC_START,
  CHECKPOINT_INDEX_FREE,
  CHECKPOINT_INDEX_FREE_COUNT,
  checkpointParts,
  entryUsedBytes,
  LIVE_UNKNOWN,
  SEGMENT_ENTRY_CRC,
  SEGMENT_ENTRY_FULL,
  SEGMENT_ENTRY_GENERATION,
  SEGMENT_ENTRY_LIVE,
  SEGMENT_ENTRY_USED,
  SEGMENT_ENTRY_WORDS,
  SLOT_ENTRY_EXPIRING_COUNT,
  SLOT_ENTRY_OVERFLOW_COUNT,
  SLOT_ENTRY_RECORD_COUNT,
  SLOT_ENTRY_VERSION_HIGH,
  SLOT_ENTRY_VERSION_LOW,
  SLOT_ENTRY_WORDS,
} from "./checkpoint_layout.ts";
import { endDeferral } from "./deferral.ts";
import { copyLedger } from "./ledger_copy.ts";
import { segmentCountOf, type SnapshotIdentity, writeHeader } from "./checkpoint_header.ts";
import { type FileSystem, fillFile, writeFully } from "./file_system.ts";
import { CHECKPOINT_FILE, imageFile, imageNumber } from "./pool_directory.ts";
import { moveLinksForFile } from "./free_bucket_links.ts";
import { SlotCopy } from "./slot_copy.ts";

/** What a snapshot came to. */
export interface SnapshotReport {
  /** Number of the snapshot, growing by one. */
  readonly number: number;
  /** Bytes of records and segment headers written. */
  readonly imageBytes: number;
  /** Bytes of the checkpoint. */
  readonly checkpointBytes: number;
  /** How long no KN could execute a request, in milliseconds. */
  readonly pauseMs: number;
  /** How long all of it took, in milliseconds. */
  readonly durationMs: number;
}

/**
 * Writes a snapshot into a directory.
 *
 * @throws {SnapshotError} when a file operation fails; the previous snapshot is untouched then
 */
export function writeSnapshot(
  pool: Pool,
  files: FileSystem,
  directory: string,
  { number, codec }: Omit<SnapshotIdentity, "image">,
): SnapshotReport {
  const startMs = monotonicMs();
  try {
    const identity = { number, image: number, codec };
    const { checkpoint, pauseMs } = captureCheckpoint(pool, identity, () => {
      Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
    });
    digestSegments(pool, checkpoint);
    const imageBytes = writeImage(pool, files, join(directory, imageFile(number)), checkpoint);
    sealCheckpoint(checkpoint);
    writeCheckpoint(files, directory, checkpoint);
    removeOtherImages(files, directory, number);
    const durationMs = monotonicMs() - startMs;
    if (TRACED.checkpoint) {
      trace(
        "checkpoint",
        `snapshot ${number} written, ${checkpoint.length} bytes, pause ${pauseMs} ms`,
      );
    }
    return { number, imageBytes, checkpointBytes: checkpoint.length, pauseMs, durationMs };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapshotError(`snapshot ${number} of ${directory} was not written: ${reason}`, {
      cause: error,
    });
  } finally {
    endDeferral(pool);
  }
}

/**
 * Copies everything but the records, only the segment table in a pause, and the rest while
 * operations go on: for a checkpoint from which the log is replayed, see slot_copy.ts.
 *
 * @param agent the agent that does it
 * @param onPause called in the pause
 */
export function captureForReplay(
  pool: Pool,
  agent: number,
  identity: SnapshotIdentity,
  onPause: () => void,
): { checkpoint: Uint8Array; pauseMs: number } {
  // No segment is admitted meanwhile: this agent has the checkpoint lock.
  const segmentCount = wantedSegments(pool);
  const segments = new Int32Array(segmentCount * SEGMENT_ENTRY_WORDS);
  let pauseStartMs = 0;
  mergeLogs(pool, agent);
  whilePaused(pool, agent, () => {
    pauseStartMs = monotonicMs();
    onPause();
    mergeInPause(pool, agent);
    captureSegments(pool, segments, 0, segmentCount);
  });
  const pauseMs = monotonicMs() - pauseStartMs;
  const copy = new SlotCopy(pool, Atomics.load(pool.control, INDEX_SPACE_NEXT) + (1 << 12));
  copy.run();
  // A cleaner points the index at what it has moved, and writes that at the end of its step.
  whilePaused(pool, agent, () => {});
  const ledger = copyLedger(pool);
  const parts = checkpointParts(segmentCount, copy.bucketCount, ledger.length);
  const checkpoint = new Uint8Array(parts.length);
  writeHeader(pool, identity, checkpoint, segmentCount, copy.bucketCount, ledger.length);
  const words = new Int32Array(checkpoint.buffer);
  words.set(copy.slots, parts.slots / 4);
  words.set(segments, parts.segments / 4);
  checkpoint.set(copy.bytes, parts.buckets);
  checkpoint.set(ledger, parts.ledger);
  return { checkpoint, pauseMs };
}

/**
 * Copies everything but the records while the agents pause. Only DPM processors do this.
 *
 * @param onPause called in the pause
 */
export function captureCheckpoint(
  pool: Pool,
  identity: SnapshotIdentity,
  onPause: () => void,
): { checkpoint: Uint8Array; pauseMs: number } {
  // Pages of the copy are touched before the pause, which then lasts a tenth as long.
  const bucketsExpected = Atomics.load(pool.control, INDEX_SPACE_NEXT) + (1 << 12);
  const spare = new Uint8Array(
    checkpointParts(wantedSegments(pool), bucketsExpected).length,
  ).fill(0xff);
  let pauseStartMs = 0;
  mergeLogs(pool, AGENT_DPM);
  const checkpoint = whilePaused(pool, AGENT_DPM, () => {
    pauseStartMs = monotonicMs();
    onPause();
    mergeInPause(pool, AGENT_DPM);
    // Now, as the pool may have grown meanwhile: no less than any agent has taken segments of.
    const segmentCount = wantedSegments(pool);
    const ledger = copyLedger(pool);
    const { length } = checkpointParts(
      segmentCount,
      pool.control[INDEX_SPACE_NEXT],
      ledger.length,
    );
    const bytes = length <= spare.length ? spare.subarray(0, length) : new Uint8Array(length);
    captureInto(pool, identity, segmentCount, bytes, ledger);
    return bytes;
  });
  return { checkpoint, pauseMs: monotonicMs() - pauseStartMs };
}

function captureInto(
  pool: Pool,
  identity: SnapshotIdentity,
  segmentCount: number,
  bytes: Uint8Array,
  ledger: Uint8Array,
): void {
  const control = pool.control;
  const bucketCount = control[INDEX_SPACE_NEXT];
  const parts = checkpointParts(segmentCount, bucketCount, ledger.length);
  const view = writeHeader(pool, identity, bytes, segmentCount, bucketCount, ledger.length);
  view.setUint32(CHECKPOINT_INDEX_FREE, control[INDEX_SPACE_FREE], true);
  view.setUint32(CHECKPOINT_INDEX_FREE_COUNT, control[INDEX_SPACE_FREE_COUNT], true);

  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  words.fill(0, parts.slots / 4, parts.buckets / 4);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const from = pool.slotAt(slot as Slot);
    const to = parts.slots / 4 + slot * SLOT_ENTRY_WORDS;
    for (let i = 0; i <= SLOT_EXTENT_COUNT; i++) words[to + i] = control[from + SLOT_META + i];
    words[to + SLOT_ENTRY_VERSION_LOW] = control[from + SLOT_VERSION_LOW];
    words[to + SLOT_ENTRY_VERSION_HIGH] = control[from + SLOT_VERSION_HIGH];
    words[to + SLOT_ENTRY_RECORD_COUNT] = control[from + SLOT_RECORD_COUNT];
    words[to + SLOT_ENTRY_EXPIRING_COUNT] = control[from + SLOT_EXPIRING_COUNT];
    words[to + SLOT_ENTRY_OVERFLOW_COUNT] = control[from + SLOT_OVERFLOW_COUNT];
  }
  captureSegments(pool, words, parts.segments / 4, segmentCount);
  let at = parts.buckets;
  for (const region of pool.handle.index) {
    // What has been handed out has memory, in all regions but the last one up to the end.
    const count = Math.min(REGION_BYTES, bucketCount * BUCKET_BYTES - (at - parts.buckets));
    if (count <= 0) break;
    bytes.set(new Uint8Array(region, 0, count), at);
    at += count;
  }
  moveLinksForFile(words, parts.buckets / 4, control[INDEX_SPACE_FREE]);
  bytes.set(ledger, parts.ledger);
}

/** Copies the segment table into zeroed entries. */
function captureSegments(
  pool: Pool,
  words: Int32Array,
  first: number,
  segmentCount: number,
): void {
  const { control } = pool;
  const segments = new SegmentTable(pool);
  for (let i = 0; i < segmentCount; i++) {
    const segment = i as SegmentId;
    const state = segments.state(segment);
    const to = first + i * SEGMENT_ENTRY_WORDS;
    words[to + SEGMENT_ENTRY_GENERATION] = control[GENERATIONS + i];
    if (state === SegmentState.FREE) continue;
    // Staged values are in no file, and their lives are not counted.
    if (segments.isStaging(segment)) continue;
    if (state === SegmentState.FREE_PENDING) {
      // What it holds now is not part of the checkpoint, and must not be taken for what it will
      // hold next.
      words[to + SEGMENT_ENTRY_GENERATION] += 1;
      continue;
    }
    const isFull = segments.lostBytes(segment) > 0;
    words[to + SEGMENT_ENTRY_USED] = segments.usedBytes(segment) |
      (isFull ? SEGMENT_ENTRY_FULL : 0);
    // Records are counted before anything points at them, and to a reservation that is not
    // committed nothing ever will.
    const isKnown = !isLogged(pool) && !segments.isPinned(segment);
    words[to + SEGMENT_ENTRY_LIVE] = isKnown ? segments.liveBytes(segment) : LIVE_UNKNOWN;
  }
}

/**
 * Puts the CRCs of the segments' used bytes into a captured checkpoint, and returns how many bytes
 * they are. What a segment had at the last checkpoint is not read again.
 */
export function digestSegments(pool: Pool, checkpoint: Uint8Array): number {
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
  const { control } = pool;
  let total = 0;
  forEachUsed(checkpoint, (segment, used, entry) => {
    const at = pool.segmentAt(segment);
    const knownBytes = control[at + SEGMENT_CRC_BYTES];
    const isKnown = knownBytes > 0 && knownBytes <= used;
    const from = isKnown ? knownBytes : 0;
    const address = pool.segmentAddress(segment);
    const start = pool.wordAt(address) * 4;
    const bytes = pool.bytesOf(address).subarray(start + from, start + used);
    const crc = crc32(bytes, isKnown ? control[at + SEGMENT_CRC] >>> 0 : 0);
    control[at + SEGMENT_CRC] = crc;
    // A segment with a staged value in the middle may still change there.
    if (!new SegmentTable(pool).isPinned(segment)) control[at + SEGMENT_CRC_BYTES] = used;
    view.setUint32(entry + SEGMENT_ENTRY_CRC * 4, crc, true);
    total += used;
  });
  return total;
}

/** Writes the used bytes of every segment into a new image; returns how many. */
export function writeImage(
  pool: Pool,
  files: FileSystem,
  path: string,
  checkpoint: Uint8Array,
): number {
  let imageBytes = 0;
  fillFile(files, path, (file) => {
    const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
    forEachUsed(checkpoint, (segment, used, entry) => {
      const address = pool.segmentAddress(segment);
      const start = pool.wordAt(address) * 4;
      let bytes = pool.bytesOf(address).subarray(start, start + used);
      if (view.getInt32(entry + SEGMENT_ENTRY_LIVE * 4, true) === LIVE_UNKNOWN && !isLogged(pool)) {
        // A client may be writing a large value that nothing points at yet: whatever is copied of
        // it is as good.
        bytes = bytes.slice();
        view.setUint32(entry + SEGMENT_ENTRY_CRC * 4, crc32(bytes), true);
      }
      writeFully(files, file, bytes, (address >>> 0) * ADDRESS_UNIT_BYTES);
      imageBytes += used;
    });
  });
  return imageBytes;
}

/**
 * Visits the segments that a checkpoint says are used, with their used bytes and the offset of
 * their entry.
 */
function forEachUsed(
  checkpoint: Uint8Array,
  visit: (segment: SegmentId, used: number, entry: number) => void,
): void {
  const segmentCount = segmentCountOf(checkpoint);
  const parts = checkpointParts(segmentCount, 0);
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
  for (let segment = 0; segment < segmentCount; segment++) {
    const entry = parts.segments + segment * SEGMENT_ENTRY_WORDS * 4;
    const used = entryUsedBytes(view.getUint32(entry + SEGMENT_ENTRY_USED * 4, true));
    if (used !== 0) visit(segment as SegmentId, used, entry);
  }
}

/** Puts the CRC over all of it into a checkpoint. */
export function sealCheckpoint(checkpoint: Uint8Array): void {
  const view = new DataView(checkpoint.buffer, checkpoint.byteOffset, checkpoint.byteLength);
  view.setUint32(CHECKPOINT_CRC, crc32(checkpoint.subarray(CHECKPOINT_CRC_START)), true);
}

/**
 * Writes the first checkpoint of a pool that no agent has worked on, sealed. Its slots are zeros: a
 * hole of the file, for which no memory is taken.
 */
export function writeNewCheckpoint(
  pool: Pool,
  identity: SnapshotIdentity,
  files: FileSystem,
  directory: string,
): void {
  const ledger = copyLedger(pool);
  const segmentCount = wantedSegments(pool);
  // Bucket 0 is in no use.
  const parts = checkpointParts(segmentCount, 1, ledger.length);
  const header = new Uint8Array(parts.slots);
  const rest = new Uint8Array(parts.length - parts.segments);
  const view = writeHeader(pool, identity, header, segmentCount, 1, ledger.length);
  captureSegments(pool, new Int32Array(rest.buffer), 0, segmentCount);
  rest.set(ledger, parts.ledger - parts.segments);
  const headerCrc = crc32(header.subarray(CHECKPOINT_CRC_START));
  const slotsCrc = crc32OfZeros(parts.segments - parts.slots, headerCrc);
  view.setUint32(CHECKPOINT_CRC, crc32(rest, slotsCrc), true);
  replaceCheckpoint(files, directory, (file) => {
    writeFully(files, file, header, 0);
    writeFully(files, file, rest, parts.segments);
  });
}

/** Writes a sealed checkpoint beside the one of a directory, and puts it into its place. */
export function writeCheckpoint(
  files: FileSystem,
  directory: string,
  checkpoint: Uint8Array,
): void {
  replaceCheckpoint(files, directory, (file) => writeFully(files, file, checkpoint, 0));
}

function replaceCheckpoint(
  files: FileSystem,
  directory: string,
  fill: (file: number) => void,
): void {
  const temporary = join(directory, `${CHECKPOINT_FILE}.new`);
  fillFile(files, temporary, fill);
  // The image's directory entry is durable before the checkpoint that names it, and the rename
  // right after.
  files.syncDirectory(directory);
  files.rename(temporary, join(directory, CHECKPOINT_FILE));
  files.syncDirectory(directory);
}

/** Removes images that the checkpoint of a directory does not name. */
export function removeOtherImages(files: FileSystem, directory: string, number: number): void {
  try {
    for (const name of files.list(directory)) {
      const other = imageNumber(name);
      if (other !== undefined && other !== number) files.unlink(join(directory, name));
    }
  } catch {
    // The checkpoint is in its place all the same, and the next one tries again.
  }
}
