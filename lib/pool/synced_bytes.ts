/**
 * How much of a segment is known to be synced, as the word SEGMENT_SYNCED_BYTES says it.
 *
 * A sync takes its time, and meanwhile a segment may be freed and begin another life. What was
 * found out about the life before must not be taken for a claim about this one: a replay would take
 * bytes that never were synced for damage. So the word names the life that it speaks of, and says
 * nothing in any other:
 *
 * ```text
 *   (generation & 15) << 28 | synced bytes / 8
 * ```
 *
 * Sixteen lives later it would be believed again. The thread that syncs compares the whole
 * generation right before it stores the word, and each life takes a checkpoint, so no thread is
 * late by as many.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { SegmentId } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, SEGMENT_BYTES_MAX } from "../core/limits.ts";
import { SEGMENT_SYNCED_BYTES } from "./segment_layout.ts";
import type { Pool } from "./pool.ts";
import type { SegmentTable } from "./segment_table.ts";

const UNIT_BITS = 28;
const UNITS_MASK = 2 ** UNIT_BITS - 1;

/** The word that says so many bytes of a life are synced. */
export function packSynced(generation: number, bytes: number): number {
  return (generation << UNIT_BITS) | (bytes / ADDRESS_UNIT_BYTES);
}

/** Bytes of a life that the word says are synced; 0 if it speaks of another one. */
export function syncedBytesOf(word: number, generation: number): number {
  if (((word >>> UNIT_BITS) ^ generation) << UNIT_BITS !== 0) return 0;
  return (word & UNITS_MASK) * ADDRESS_UNIT_BYTES;
}

/**
 * Whether the disk is known to have all of a segment's used bytes. What is staged is in no file,
 * and so never waits for one.
 */
export function isSynced(pool: Pool, segments: SegmentTable, segment: SegmentId): boolean {
  const word = Atomics.load(pool.control, pool.segmentAt(segment) + SEGMENT_SYNCED_BYTES);
  const bytes = syncedBytesOf(word, pool.loadGeneration(segment));
  return bytes >= segments.usedBytes(segment) || segments.isStaging(segment);
}

assert(SEGMENT_BYTES_MAX / ADDRESS_UNIT_BYTES <= UNITS_MASK, "the units of a segment fit");
