/**
 * Keys of chosen slots. A store of 4096 slots has few keys per slot, and a test needs many: tables
 * that double, chains of overflow buckets. So the hash key is fixed, and keys are tried until
 * enough of them fall into the slots.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";

/** The hash key of every simulated pool. */
export const HASH_KEY: readonly [number, number] = [0x0d1e0a0f, 0x51a0];

/** A key of a simulation. */
export interface SimKey {
  /** Position among all keys; values carry it. */
  readonly number: number;
  readonly text: string;
  readonly slot: Slot;
}

/**
 * Finds keys.
 *
 * @param slots the slots they are to be in
 * @param perSlot how many of each
 */
export function keysOfSlots(slots: readonly Slot[], perSlot: number): SimKey[] {
  const encoder = new KeyEncoder(...HASH_KEY);
  const missing = new Map(slots.map((slot) => [slot, perSlot]));
  const keys: SimKey[] = [];
  for (let i = 0; missing.size > 0; i++) {
    const text = `key-${i}`;
    const slot = (encoder.encode(text) >>> SLOT_SHIFT) as Slot;
    const count = missing.get(slot);
    if (count === undefined) continue;
    if (count === 1) missing.delete(slot);
    else missing.set(slot, count - 1);
    keys.push({ number: keys.length, text, slot });
  }
  return keys;
}
