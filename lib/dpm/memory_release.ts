/**
 * Gives the memory of free segments back to the operating system, where the runtime can do that
 * (platform/page_release.ts).
 *
 * A segment is withheld from writers meanwhile (pool/withheld_segments.ts), so nothing that is
 * written into it is lost. A reader that is late in it may find zeros where a record was: like any
 * reader of a segment that is reused it finds the generation bumped, and looks again (I6).
 *
 * @module
 */
import type { SegmentId } from "../core/brands.ts";
import { canReleasePages, releasePages } from "../platform/page_release.ts";
import { REGION_UNITS_LOG2 } from "../pool/geometry.ts";
import { SEGMENT_TOUCHED_BYTES } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { WithheldSegments } from "../pool/withheld_segments.ts";
import { lockCheckpoints, releaseCheckpoints } from "../persistence/checkpoint_lock.ts";

/**
 * Gives back the memory of all free segments but those that writers need next.
 *
 * @param agent the agent that the thread acts for
 * @returns how many bytes
 */
export function releaseMemory(pool: Pool, agent: number): number {
  if (!canReleasePages()) return 0;
  lockCheckpoints(pool, agent);
  const withheld = new WithheldSegments(pool);
  let bytes = 0;
  try {
    for (let i = pool.segmentLimit - 1; i >= 0; i--) {
      const touchedAt = pool.segmentAt(i as SegmentId) + SEGMENT_TOUCHED_BYTES;
      if (pool.control[touchedAt] === 0 || !withheld.withhold(i as SegmentId)) continue;
      const released = releaseSegment(pool, i as SegmentId);
      // The next writer, or a DPM processor ahead of it, finds untouched pages.
      if (released > 0) pool.control[touchedAt] = 0;
      bytes += released;
      withheld.giveBack();
    }
  } finally {
    // If it has failed, a repair returns what is withheld: the host asks for one.
    releaseCheckpoints(pool, agent);
  }
  return bytes;
}

function releaseSegment(pool: Pool, segment: SegmentId): number {
  const address = pool.segmentAddress(segment);
  const offset = pool.wordAt(address) * 4;
  const region = pool.handle.log[address >>> REGION_UNITS_LOG2];
  const byteLength = Math.min(pool.geometry.segmentBytes, region.byteLength - offset);
  return byteLength <= 0 ? 0 : releasePages(region, offset, byteLength);
}
