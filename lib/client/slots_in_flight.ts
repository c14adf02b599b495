/**
 * How many requests of each slot are in flight: the order of a slot's requests depends on it (I4).
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { HeldSlots } from "./held_slots.ts";

/** The counts of one client. */
export class SlotsInFlight {
  readonly #held: HeldSlots;
  readonly #counts: Int32Array = new Int32Array(SLOT_COUNT);

  /** Counts none; `held` are the requests that are not in flight. */
  constructor(held: HeldSlots) {
    this.#held = held;
  }

  /** Whether requests of a slot are in flight. */
  has(slot: Slot): boolean {
    return this.#counts[slot] !== 0;
  }

  /** Whether requests of a slot are in flight or held. */
  isPending(slot: Slot): boolean {
    return this.#counts[slot] !== 0 || this.#held.isHeld(slot);
  }

  /** A request has been sent, or a mark of one has come to its turn. */
  add(slot: Slot): void {
    this.#counts[slot] += 1;
  }

  /** One has ended, or was given back; returns whether it was the slot's last one. */
  remove(slot: Slot): boolean {
    return --this.#counts[slot] <= 0;
  }
}
