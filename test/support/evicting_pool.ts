/**
 * A small pool that evicts, in this thread.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { AgentCounter, AgentCounters } from "../../lib/pool/agent_counters.ts";
import { AGENT_COUNT } from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { evictWhenFull } from "../../lib/pool/when_full.ts";
import { PoolFixture } from "./pool_fixture.ts";

const SEGMENT_BYTES = 4096;
const GHOST_WORDS = 1024;
/** Bytes by which index and log grow. */
const GROWTH_BYTES = 1 << 16;

/** Every slot. */
export const ALL_SLOTS = Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);

/** Makes the pool, and a writer of it. */
export function evictingFixture(segmentCount = 64, entriesMax = 0): PoolFixture {
  const geometry = geometryOf(segmentCount * SEGMENT_BYTES, SEGMENT_BYTES);
  const pool = Pool.create(geometry, [0x1234, 0x5678], GROWTH_BYTES);
  evictWhenFull(pool, entriesMax, GHOST_WORDS);
  return PoolFixture.over(pool);
}

/** Records of a pool that any agent has dropped. */
export function droppedCount(pool: Pool): number {
  let count = 0;
  for (let agent = 0; agent < AGENT_COUNT; agent++) {
    count += new AgentCounters(pool, agent).get(AgentCounter.EVICTED);
  }
  return count;
}
