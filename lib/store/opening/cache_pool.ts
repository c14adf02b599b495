/**
 * Makes a pool that was created or restored a cache, before any other thread sees it.
 *
 * @module
 */
import type { SegmentId } from "../../core/brands.ts";
import { InvalidOptionError } from "../../core/errors.ts";
import { EVICTING_SEGMENTS_MIN } from "../../eviction/eviction_policy.ts";
import { ghostWords } from "../../eviction/ghost_table.ts";
import { AGENT_DPM } from "../../pool/control_layout.ts";
import { SEGMENT_AGENT } from "../../pool/segment_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { SegmentState } from "../../pool/segment_state.ts";
import { SegmentTable } from "../../pool/segment_table.ts";
import { evictWhenFull } from "../../pool/when_full.ts";

/**
 * Makes a pool drop what was not read for long when it is full.
 *
 * @param entriesMax most keys that it may hold; 0 if only its bytes are bounded
 * @throws {InvalidOptionError} when it has too few segments for that
 */
export function makeCache(pool: Pool, entriesMax: number): void {
  const { segmentLimit } = pool;
  if (segmentLimit < EVICTING_SEGMENTS_MIN) {
    throw new InvalidOptionError(
      `whenFull must be "refuse" for a pool of fewer than ${EVICTING_SEGMENTS_MIN} segments, ` +
        `got "evict" for ${segmentLimit}`,
    );
  }
  evictWhenFull(
    pool,
    entriesMax,
    ghostWords(pool.capacityBytes),
    ghostWords(pool.capacityBytesMax),
  );
  const segments = new SegmentTable(pool);
  for (let i = 0; i < segmentLimit; i++) {
    const segment = i as SegmentId;
    if (segments.state(segment) === SegmentState.FREE) continue;
    // Who has written it is not known any more. What was restored has survived, as what is in main.
    pool.control[pool.segmentAt(segment) + SEGMENT_AGENT] = AGENT_DPM;
  }
}
