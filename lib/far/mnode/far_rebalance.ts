/**
 * Moves slots of a far pool to the KNs that they are assigned to, some at a time.
 *
 * Slots that were taken (far_moves.ts) may have to wait before they can be given: another thread is
 * merging their last owner's log. Meanwhile the host's thread may block, for a request for one of
 * them. So the monitor, which looks after the KNs then, has to go on giving, too.
 *
 * @module
 */
import type { NodeId, Slot } from "../../core/brands.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { Pool } from "../../pool/pool.ts";
import { MERGING_NODE } from "../../routing/node_directory.ts";
import { slotOwner } from "../../routing/ownership.ts";
import type { FarMoves } from "./far_moves.ts";

/** One change of the assignment. */
export class FarRebalance {
  /** Slots that have been moved. */
  count = 0;
  /** The longest time that one of them had no owner. */
  longestPauseMs = 0;
  readonly #pool: Pool;
  readonly #moves: FarMoves;
  readonly #assignedTo: (slot: Slot) => NodeId;
  /** Slots that were taken and not given, and since when. */
  readonly #takenAtMs = new Map<Slot, number>();

  /** Begins; `assignedTo` tells which KN a slot is assigned to at the moment. */
  constructor(pool: Pool, moves: FarMoves, assignedTo: (slot: Slot) => NodeId) {
    this.#pool = pool;
    this.#moves = moves;
    this.#assignedTo = assignedTo;
  }

  /**
   * Moves slots, as far as that is possible now; what it could take only, {@linkcode give} gives.
   */
  move(slots: readonly Slot[]): void {
    for (const slot of slots) {
      if (!this.#moves.take(slot) || this.#takenAtMs.has(slot)) continue;
      this.#takenAtMs.set(slot, monotonicMs());
    }
    this.give();
  }

  /** Gives what was taken, as far as that is possible now. */
  give(): void {
    for (const [slot, takenAtMs] of this.#takenAtMs) {
      // It may have been given already, as its last owner has failed (recovery/retired_slots.ts).
      const isTaken = slotOwner(this.#pool, slot) === MERGING_NODE;
      // If one log cannot be merged now, finding that out again for each slot would take long.
      if (isTaken && !this.#moves.give(slot, this.#assignedTo(slot))) return;
      this.#takenAtMs.delete(slot);
      this.count += 1;
      this.longestPauseMs = Math.max(this.longestPauseMs, monotonicMs() - takenAtMs);
    }
  }
}
