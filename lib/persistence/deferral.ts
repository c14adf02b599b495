/**
 * Segments that are not freed while a copy of the pool is written, and what is done about that, and
 * about all else that the copying thread held, when it has ended or died.
 *
 * @module
 */
import { GATE_DEFER_FREE, REPAIR_WANTED } from "../pool/control_layout.ts";
import { isLogged } from "../pool/durability.ts";
import { breakPause } from "../pool/gate.ts";
import type { Pool } from "../pool/pool.ts";
import { DeferFree } from "../pool/segment_state.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { releaseCheckpoints } from "./checkpoint_lock.ts";

/**
 * Gives back what a thread has held that died while it wrote a snapshot, a checkpoint or a backup:
 * the pause, the lock, and the segments that were not freed meanwhile. Does nothing if it held
 * nothing. No other thread of that agent may be writing one. Its mergers are given up separately.
 */
export function abandonCopying(pool: Pool, agent: number): void {
  breakPause(pool, agent);
  releaseCheckpoints(pool, agent);
  // It may have been freeing segments.
  Atomics.store(pool.control, REPAIR_WANTED, 1);
  // Where writes are logged, segments always wait for a checkpoint.
  if (!isLogged(pool)) endDeferral(pool);
}

/** Frees what was not freed during a snapshot. */
export function endDeferral(pool: Pool): void {
  if (Atomics.load(pool.control, GATE_DEFER_FREE) === DeferFree.NO) return;
  Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.RELEASING);
  new SegmentTable(pool).releasePending();
  Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.NO);
  Atomics.notify(pool.control, GATE_DEFER_FREE);
}
