/**
 * Merges everything that has been logged, for the agent that copies the index: for a checkpoint, a
 * snapshot or a backup of a far pool.
 *
 * What is copied together with the segments' used bytes has to hold all that those bytes say: what
 * was logged before them is not replayed. So all logs are merged to their ends while no KN can log
 * anything: in the pause. Most of it is merged before, so that the pause is short.
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../../core/limits.ts";
import { epochMs } from "../../platform/runtime.ts";
import { agentExecutor } from "../../agent/executor.ts";
import { isFar } from "../../pool/placement.ts";
import type { Pool } from "../../pool/pool.ts";
import { hasUnmerged, LogMerger } from "./log_merger.ts";

/**
 * Merges what there is, as far as no other thread does, in the name of an agent: before the pause,
 * or because the agent waits for it. Does nothing for a near pool.
 *
 * @returns how many records
 */
export function mergeLogs(pool: Pool, agent: number): number {
  let count = 0;
  for (const merger of mergersOf(pool, agent)) {
    for (let more = merger.doWork(); more > 0; more = merger.doWork()) count += more;
  }
  return count;
}

/**
 * Merges the rest; in the pause, and after freed segments are held back. Does nothing for a near
 * pool.
 *
 * @param copier the agent that copies
 * @throws when a log cannot be merged, because its merger has died, or the index is full
 */
export function mergeInPause(pool: Pool, copier: number): void {
  for (const merger of mergersOf(pool, copier)) {
    if (!merger.mergeWhilePaused()) throw new Error("what a KN has logged could not be merged");
  }
}

function mergersOf(pool: Pool, copier: number): LogMerger[] {
  if (!isFar(pool)) return [];
  const mergers: LogMerger[] = [];
  for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
    if (!hasUnmerged(pool, agent)) continue;
    mergers.push(new LogMerger({ pool, agent, clock: epochMs, executor: agentExecutor(copier) }));
  }
  return mergers;
}
