/**
 * How many keys are in the index, as a sum that takes no look at the slots.
 *
 * Each agent counts, in a word of its own that lasts as long as the pool, the keys that it has
 * added less those that it has removed. The keys in the index are the sum of these words and of a
 * base.
 *
 * Why that is exact. An agent's word has one writer at a time: the thread that is in the middle of
 * the agent's step (agent/executor.ts), which holds the lock of the slot that it changes. It is
 * changed within the step, so before a change is answered, and an agent's words are never cleared.
 * A thread that dies in a step may have changed a slot and not yet its word. So:
 *
 * - Repairing a slot's table, which the M-node does before the slot is unlocked, makes the sum
 *   *doubtful*: from then on it is not used, and the counts of all slots are added up, which are
 *   right again.
 * - When the books are put in order with the pool paused (recovery/reconciliation.ts), nothing
 *   changes: the base is set so that the sum is that of the slots, and the doubt ends. Tables are
 *   repaired and the books put in order by one thread, so no doubt is lost.
 * - A pool that is read from files is counted before its first KN starts.
 *
 * The words are loaded one after the other: of changes that are made meanwhile some are seen and
 * others are not, as it would be with the slots.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import {
  AGENT_COUNT,
  AGENT_KEYS_ADDED,
  KEY_COUNT_BASE,
  KEY_COUNT_IS_DOUBTFUL,
  SLOT_RECORD_COUNT,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Number of keys in the index. */
export function keyCount(pool: Pool): number {
  if (Atomics.load(pool.control, KEY_COUNT_IS_DOUBTFUL) !== 0) return keysOfSlots(pool);
  // What is removed by one agent may be seen before it was added by another.
  return Math.max(0, (Atomics.load(pool.control, KEY_COUNT_BASE) + keysAdded(pool)) | 0);
}

/** A thread may have died between a change and its count. */
export function doubtKeyCount(pool: Pool): void {
  Atomics.store(pool.control, KEY_COUNT_IS_DOUBTFUL, 1);
}

/** Counts anew; nothing may change the index meanwhile. */
export function recountKeys(pool: Pool): void {
  Atomics.store(pool.control, KEY_COUNT_BASE, keysOfSlots(pool) - keysAdded(pool));
  Atomics.store(pool.control, KEY_COUNT_IS_DOUBTFUL, 0);
}

/** The sum of the counts of all slots. */
export function keysOfSlots(pool: Pool): number {
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) count += keysOfSlot(pool, slot as Slot);
  return count;
}

/**
 * Keys in a slot's table, at least: a key is counted before a reader can find it, and until no
 * reader can find it any more. So what is passed over because it has none has none.
 */
export function keysOfSlot(pool: Pool, slot: Slot): number {
  return Atomics.load(pool.control, pool.slotAt(slot) + SLOT_RECORD_COUNT);
}

function keysAdded(pool: Pool): number {
  let count = 0;
  for (let agent = 0; agent < AGENT_COUNT; agent++) {
    count += Atomics.load(pool.control, pool.agentAt(agent) + AGENT_KEYS_ADDED);
  }
  return count;
}
