/**
 * The tails of segments: what is behind the used bytes of a segment that is sealed. See
 * space_budget.ts for the model.
 *
 * A tail is lost if the segment was full: the next record did not fit. It is unfilled if the
 * segment was sealed early, and a cleaner without a free segment may go on in it.
 *
 * @module
 */
import { NO_SEGMENT, type SegmentId } from "../core/brands.ts";
import type { Pool } from "./pool.ts";
import { SegmentState } from "./segment_state.ts";
import type { SegmentTable } from "./segment_table.ts";

/**
 * Bytes that the live records of a segment take, together with their part of what is lost at its
 * end. That is lost because the next record did not fit, so moved elsewhere they would lose about
 * as much again.
 *
 * The tail of a segment that was sealed before it was full is not lost: other records will fit
 * there, or rather where these are moved to.
 */
export function occupiedBytes(pool: Pool, segments: SegmentTable, segment: SegmentId): number {
  const liveBytes = segments.liveBytes(segment);
  const lostBytes = segments.lostBytes(segment);
  if (lostBytes === 0) return liveBytes;
  const { segmentBytes } = pool.geometry;
  return liveBytes * (segmentBytes / (segmentBytes - lostBytes));
}

/** {@linkcode occupiedBytes} of all segments. */
export function occupiedBytesTotal(pool: Pool, segments: SegmentTable): number {
  let total = 0;
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    total += occupiedBytes(pool, segments, i as SegmentId);
  }
  return total;
}

/**
 * Bytes behind the used ones of a sealed segment in which a cleaner may go on: an unfilled tail. 0
 * if there is none, or an agent has the segment.
 */
export function unfilledBytes(pool: Pool, segments: SegmentTable, segment: SegmentId): number {
  if (segments.state(segment) !== SegmentState.SEALED || segments.lostBytes(segment) > 0) return 0;
  if (segments.isStaging(segment) || segments.isPinned(segment)) return 0;
  // One in which nothing is live is about to be freed.
  if (segments.liveBytes(segment) === 0) return 0;
  return pool.geometry.segmentBytes - segments.usedBytes(segment);
}

/**
 * The sealed segment with the largest unfilled tail, `except` for one; `NO_SEGMENT` if none has
 * any.
 */
export function largestUnfilled(
  pool: Pool,
  segments: SegmentTable,
  except: SegmentId = NO_SEGMENT,
): SegmentId {
  let largest = NO_SEGMENT;
  let bytes = 0;
  for (let i = 0, end = pool.segmentLimit; i < end; i++) {
    const segment = i as SegmentId;
    const unfilled = segment === except ? 0 : unfilledBytes(pool, segments, segment);
    if (unfilled <= bytes) continue;
    largest = segment;
    bytes = unfilled;
  }
  return largest;
}

/**
 * Opens the sealed segment that has the largest unfilled tail, if that has so many bytes, for an
 * agent to go on behind its used bytes. What a dead thread has left behind those is erased first,
 * or it could be taken for what the agent has appended.
 *
 * @returns the segment, or `NO_SEGMENT`
 */
export function reopenLargest(
  pool: Pool,
  segments: SegmentTable,
  agent: number,
  bytes: number,
): SegmentId {
  for (;;) {
    const segment = largestUnfilled(pool, segments);
    if (segment === NO_SEGMENT || unfilledBytes(pool, segments, segment) < bytes) return NO_SEGMENT;
    if (!segments.claimForCleaning(segment)) continue;
    const start = pool.segmentAddress(segment);
    const first = pool.wordAt(start);
    const { segmentBytes } = pool.geometry;
    const words = pool.wordsOf(start);
    words.fill(0, first + segments.usedBytes(segment) / 4, first + segmentBytes / 4);
    segments.reopen(segment, agent);
    return segment;
  }
}
