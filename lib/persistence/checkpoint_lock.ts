/**
 * The lock of the agent that writes a checkpoint, a snapshot or a backup: one at a time.
 *
 * The word names the agent, so that the lock of a thread that has died can be given back, together
 * with the slot that it was copying. What it has written is a file beside the last checkpoint,
 * which the next one replaces.
 *
 * @module
 */
import { monotonicMs } from "../platform/runtime.ts";
import type { Slot } from "../core/brands.ts";
import { SLOT_COUNT, SYSTEM_CALL_MS_MAX } from "../core/limits.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { AGENT_COPIER, CHECKPOINT_LOCK, REPAIR_WANTED, SLOT_LOCK } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { holderOf, unlockForDead } from "../routing/ownership.ts";

/** Takes the lock for an agent; false when another agent has it. */
export function tryLockCheckpoints(pool: Pool, agent: number): boolean {
  return Atomics.compareExchange(pool.control, CHECKPOINT_LOCK, 0, agent + 1) === 0;
}

/**
 * Takes the lock for an agent, waiting for the holder for as long as a file operation may take.
 *
 * @throws when the holder has not given it back by then: its thread has failed, and has not ended
 */
export function lockCheckpoints(
  pool: Pool,
  agent: number,
  waitMsMax: number = SYSTEM_CALL_MS_MAX,
): void {
  const deadlineMs = monotonicMs() + waitMsMax;
  while (!tryLockCheckpoints(pool, agent)) {
    if (monotonicMs() > deadlineMs) {
      const holder = Atomics.load(pool.control, CHECKPOINT_LOCK) - 1;
      throw new Error(
        `agent ${holder} has been writing a checkpoint for more than ${waitMsMax} ms`,
      );
    }
    sleepSync(1);
  }
}

/** Gives the lock back. */
export function unlockCheckpoints(pool: Pool): void {
  Atomics.store(pool.control, CHECKPOINT_LOCK, 0);
}

/**
 * Gives the lock of an agent back, if it has it, and unlocks the slot that it was copying when it
 * failed.
 */
export function releaseCheckpoints(pool: Pool, agent: number): void {
  if (Atomics.load(pool.control, CHECKPOINT_LOCK) !== agent + 1) return;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const lock = pool.slotAt(slot as Slot) + SLOT_LOCK;
    if (holderOf(Atomics.load(pool.control, lock)) === AGENT_COPIER) {
      unlockForDead(pool.control, lock);
    }
  }
  unlockCheckpoints(pool);
}

/**
 * Gives the lock of an agent back that has died, or thrown, while it had it. It may have been
 * freeing segments, so the pool's books are to be put in order.
 */
export function abandonCheckpoints(pool: Pool, agent: number): void {
  if (Atomics.load(pool.control, CHECKPOINT_LOCK) !== agent + 1) return;
  releaseCheckpoints(pool, agent);
  Atomics.store(pool.control, REPAIR_WANTED, 1);
}
