/**
 * The slots of a retired KN: its own, which move to other KNs as soon as it does not hold them any
 * more, and those of other KNs that it has locked, as it cleaned or merged. What it holds for too
 * long is declared unavailable, so that requests for it are refused.
 *
 * @module
 */
import type { NodeId, Slot } from "../core/brands.ts";
import { SLOT_COUNT, UNAVAILABLE_AFTER_MS } from "../core/limits.ts";
import type { FarMoves } from "../far/mnode/far_moves.ts";
import { AGENT_MERGERS } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { MERGING_NODE } from "../routing/node_directory.ts";
import {
  markAvailable,
  markUnavailable,
  slotHolder,
  slotOwner,
  tryMoveSlot,
} from "../routing/ownership.ts";

/** What releasing slots works with. */
export interface RetiredSlotsOptions {
  readonly pool: Pool;
  readonly now: () => number;
  /** The KN that is to own a slot now. */
  readonly assignedTo: (slot: Slot) => NodeId;
  /** How slots are moved in a far pool; undefined in a near one. */
  readonly farMoves?: FarMoves | undefined;
}

/** The slots of one retired KN. */
export class RetiredSlots {
  readonly #options: RetiredSlotsOptions;
  readonly #pool: Pool;
  readonly #nodeId: NodeId;
  readonly #agent: number;
  readonly #sinceMs: number;
  /** Slots of its own that it still holds. */
  #stuck: Slot[] = [];
  /** Whether those have been declared unavailable: a matter of time alone. */
  #isUnavailable = false;
  /** Slots of other KNs that it has held for so long that they were declared unavailable. */
  #held: Slot[] = [];
  #movedCount = 0;

  /** The slots of a KN that is retired now; `keeps` says that they stay where they are. */
  constructor(
    options: RetiredSlotsOptions,
    node: { readonly nodeId: NodeId; readonly agent: number },
    keeps: boolean,
  ) {
    this.#options = options;
    this.#pool = options.pool;
    this.#nodeId = node.nodeId;
    this.#agent = node.agent;
    this.#sinceMs = options.now();
    for (let slot = 0; slot < SLOT_COUNT && !keeps; slot++) {
      if (slotOwner(this.#pool, slot as Slot) === node.nodeId) this.#stuck.push(slot as Slot);
    }
  }

  /** Slots of its own that it still holds. */
  get stuckCount(): number {
    return this.#stuck.length;
  }

  /** Slots that it does not hold any more. */
  get movedCount(): number {
    return this.#movedCount;
  }

  /** Whether a slot is in its hands: it owns it, or has it locked. */
  hold(slot: Slot): boolean {
    return this.#stuck.includes(slot) || this.#isLocked(slot);
  }

  /** From now on its own slots stay where they are. */
  keep(): void {
    this.#stuck = [];
  }

  /**
   * Moves what it has let go, and gives up what it holds for too long; `isInStep` says whether it
   * may still lock slots.
   */
  release(isInStep: boolean): void {
    this.#markHeld(isInStep);
    if (this.#stuck.length === 0) return;
    const { farMoves } = this.#options;
    if (farMoves === undefined) this.#moveNear();
    else this.#moveFar(farMoves);
    if (this.#isUnavailable || this.#stuck.length === 0 || !this.#isLate) return;
    this.#isUnavailable = true;
    for (const slot of this.#stuck) markUnavailable(this.#pool, slot);
  }

  /**
   * Declares slots of other KNs unavailable that it has locked for too long, and takes that back
   * when it has let go.
   */
  #markHeld(isInStep: boolean): void {
    const pool = this.#pool;
    this.#held = this.#held.filter((slot) => {
      if (this.#isLocked(slot)) return true;
      markAvailable(pool, slot);
      return false;
    });
    if (!isInStep || !this.#isLate) return;
    for (let i = 0; i < SLOT_COUNT; i++) {
      const slot = i as Slot;
      const isOthers = this.#isLocked(slot) && slotOwner(pool, slot) !== this.#nodeId;
      if (!isOthers || this.#held.includes(slot)) continue;
      this.#held.push(slot);
      markUnavailable(pool, slot);
    }
  }

  /** Whether it was retired so long ago that what it still holds counts as unavailable. */
  get #isLate(): boolean {
    return this.#options.now() - this.#sinceMs >= UNAVAILABLE_AFTER_MS;
  }

  /** Whether it, or the merger of its log, has a slot locked. */
  #isLocked(slot: Slot): boolean {
    const holder = slotHolder(this.#pool, slot);
    return holder === this.#agent || holder === AGENT_MERGERS + this.#agent;
  }

  #moveNear(): void {
    this.#stuck = this.#stuck.filter((slot) => {
      const isHeld = slotHolder(this.#pool, slot) === this.#agent;
      if (isHeld || !tryMoveSlot(this.#pool, slot, this.#options.assignedTo(slot))) return true;
      this.#movedCount += 1;
      return false;
    });
  }

  /**
   * Takes the slots that it does not hold, and gives them away when what it has logged for them is
   * merged.
   */
  #moveFar(farMoves: FarMoves): void {
    const pool = this.#pool;
    for (const slot of this.#stuck) {
      const isHeld = slotHolder(pool, slot) === this.#agent;
      if (!isHeld && slotOwner(pool, slot) === this.#nodeId) farMoves.take(slot);
    }
    // Once for all slots: it takes long to find out that a slot is locked by a thread that does not
    // go on.
    if (!farMoves.mergeAll(this.#agent)) return;
    this.#stuck = this.#stuck.filter((slot) => {
      const owner = slotOwner(pool, slot);
      // A rebalance may have given it away, to spread slots anew.
      const isGiven = owner !== this.#nodeId &&
        (owner !== MERGING_NODE || farMoves.give(slot, this.#options.assignedTo(slot)));
      if (isGiven) this.#movedCount += 1;
      return !isGiven;
    });
  }
}
