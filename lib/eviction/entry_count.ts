/**
 * The number of keys of a pool in which it is bounded, the store's own key apart. In other pools
 * nothing is counted.
 *
 * The holder of a slot's lock counts what it adds to the slot's table and removes from it. A thread
 * that dies in between leaves the count one off, so the M-node counts anew when it repairs the pool.
 *
 * @module
 */
import { SLOT_COUNT } from "../core/limits.ts";
import type { Slot } from "../core/brands.ts";
import { ENTRIES_MAX, ENTRY_COUNT, SLOT_RECORD_COUNT } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Counts keys that were added, or removed if there are fewer than none of them. */
export function countEntries(pool: Pool, added: number): void {
  if (pool.control[ENTRIES_MAX] !== 0) Atomics.add(pool.control, ENTRY_COUNT, added);
}

/** Whether a pool holds more keys than it may. */
export function hasTooMany(pool: Pool): boolean {
  const { control } = pool;
  return control[ENTRIES_MAX] !== 0 && Atomics.load(control, ENTRY_COUNT) > control[ENTRIES_MAX];
}

/**
 * Counts all keys, while no thread changes any.
 *
 * @param ownCount keys of the store itself, which the bound does not count
 */
export function recountEntries(pool: Pool, ownCount: number): void {
  if (pool.control[ENTRIES_MAX] === 0) return;
  let count = -ownCount;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    count += pool.control[pool.slotAt(slot as Slot) + SLOT_RECORD_COUNT];
  }
  Atomics.store(pool.control, ENTRY_COUNT, count);
}
