/**
 * Moves slots of a far pool from KN to KN.
 *
 * ```text
 *   take     lock word and owner table: word -> word', which no KN owns       clients hold the slot's requests
 *   merge    the log of the slot's last owner, up to where it ends now
 *   give     lock word and owner table: word' -> word'', the new owner's      clients send what they hold
 * ```
 *
 * Why that is safe: a KN has a slot locked from when it appends a record of it until the record is
 * logged (far/node/merged_commit.ts), and a slot is taken by swapping its unlocked word. So what is
 * logged when the slot has been taken is all that its last owner will ever log for it (I1), also if
 * that one is a zombie. When that much is merged, the index has the newest record of every key of
 * the slot, and the new owner needs nothing else (I4). Nothing is copied (I7). What the last owner
 * remembers of the slot it forgets when it sees another owner word; until then it answers nothing
 * for it.
 *
 * A slot that was taken stays taken until it can be given: the M-node gives it to no other KN
 * meanwhile. If that takes too long, because the thread of a failed KN holds what merging needs,
 * clients are told that the slot cannot be written.
 *
 * @module
 */
import { monotonicMs } from "../../platform/runtime.ts";
import type { NodeId, Slot } from "../../core/brands.ts";
import { UNAVAILABLE_AFTER_MS } from "../../core/limits.ts";
import { isMergedUpTo, loggedEnd, LogMerger } from "../log/log_merger.ts";
import { clientExecutor } from "../../agent/executor.ts";
import type { Pool } from "../../pool/pool.ts";
import { HOST_CLIENT } from "../../routing/client_registry.ts";
import { MERGING_NODE } from "../../routing/node_directory.ts";
import { markUnavailable, slotOwner, tryMoveSlot } from "../../routing/ownership.ts";

/** What moving works with. */
export interface FarMovesOptions {
  readonly pool: Pool;
  /**
   * The agent block of a KN that owns slots, or did; undefined if all that it has logged is merged.
   */
  readonly agentOf: (node: NodeId) => number | undefined;
  /** Tells the time in milliseconds since the epoch. */
  readonly clock: () => number;
}

/** A slot that was taken. */
interface TakenSlot {
  /** The agent block of its last owner, whose log is to be merged first. */
  readonly agent: number | undefined;
  readonly sinceMs: number;
}

/** Moves slots; the M-node has one. */
export class FarMoves {
  readonly #options: FarMovesOptions;
  readonly #pool: Pool;
  readonly #taken = new Map<Slot, TakenSlot>();
  readonly #mergers: (LogMerger | undefined)[] = [];

  /** Makes one that has taken nothing. */
  constructor(options: FarMovesOptions) {
    this.#options = options;
    this.#pool = options.pool;
  }

  /** Slots that no KN owns at the moment. */
  get takenCount(): number {
    return this.#taken.size;
  }

  /** Takes a slot from its owner; false when an agent holds it for long. */
  take(slot: Slot): boolean {
    const owner = slotOwner(this.#pool, slot);
    if (owner === MERGING_NODE) return true;
    if (!tryMoveSlot(this.#pool, slot, MERGING_NODE)) return false;
    this.#taken.set(slot, { agent: this.#options.agentOf(owner), sinceMs: monotonicMs() });
    return true;
  }

  /**
   * Merges what the last owner of a slot that was taken has logged; false if that has to be tried
   * again.
   */
  mergeTaken(slot: Slot): boolean {
    const agent = this.#taken.get(slot)?.agent;
    return agent === undefined || this.mergeAll(agent);
  }

  /**
   * Merges what the last owner of a slot has logged, and gives the slot to its new owner; false if
   * that has to be tried again.
   */
  give(slot: Slot, owner: NodeId): boolean {
    if (!this.mergeTaken(slot)) return false;
    if (!tryMoveSlot(this.#pool, slot, owner)) return false;
    this.#taken.delete(slot);
    return true;
  }

  /**
   * Declares unavailable what was taken too long ago; to be called while a failed KN's thread is in
   * the middle of a step.
   */
  markUnavailable(): void {
    const nowMs = monotonicMs();
    for (const [slot, { sinceMs }] of this.#taken) {
      if (nowMs - sinceMs >= UNAVAILABLE_AFTER_MS) markUnavailable(this.#pool, slot);
    }
  }

  /** Moves a slot; false if it has not arrived yet. */
  move(slot: Slot, owner: NodeId): boolean {
    return this.take(slot) && this.give(slot, owner);
  }

  /**
   * Merges all that a KN has logged by now; false when another thread does, or has a slot locked.
   */
  mergeAll(agent: number): boolean {
    const merger = this.#mergers[agent] ??= this.#makeMerger(agent);
    const end = loggedEnd(this.#pool, agent);
    while (!isMergedUpTo(this.#pool, agent, end)) if (merger.doWork() === 0) return false;
    return true;
  }

  #makeMerger(agent: number): LogMerger {
    const executor = clientExecutor(HOST_CLIENT);
    return new LogMerger({ pool: this.#pool, agent, clock: this.#options.clock, executor });
  }
}
