/**
 * Changes the number of KNs, and of a key's owners, while requests go on: moves slots, and retires
 * KNs that own none any more.
 *
 * @module
 */
import { trace, TRACED } from "../platform/debug.ts";
import type { Slot } from "../core/brands.ts";
import { NODE_STOP_MS_MAX, SLOT_COUNT } from "../core/limits.ts";
import { monotonicMs, nextTurn, sleep } from "../platform/runtime.ts";
import type { FarMoves } from "../far/mnode/far_moves.ts";
import type { FarRebalance } from "../far/mnode/far_rebalance.ts";
import type { EncodedKey } from "../far/mnode/key_replication.ts";
import { GATE_NODE_COUNT } from "../pool/control_layout.ts";
import { RetiredPhase } from "../recovery/retired_nodes.ts";
import { slotOwner, tryMoveSlot } from "../routing/ownership.ts";
import { LEAVE_MS_MAX, type ManagedNode, RETRY_MS } from "./managed_node.ts";
import type { ScaleReport } from "./node_events.ts";
import type { NodeFactory } from "./node_factory.ts";
import type { FarNodes } from "./node_manager_options.ts";
import type { NodeSet } from "./node_set.ts";
import { ProgressLimit } from "./progress_limit.ts";

/** Slots moved before the event loop gets a turn. */
const MOVES_PER_TURN = 256;

/** Changes the KNs of one pool; one change at a time. */
export class Scaling {
  readonly #nodes: NodeSet;
  readonly #factory: NodeFactory;
  readonly #far: FarNodes | undefined;
  /** Slots of a far pool that are being moved to other KNs. */
  #farRebalance: FarRebalance | undefined;

  /** Changes nothing yet; `far` is set if the pool is a far one. */
  constructor(nodes: NodeSet, factory: NodeFactory, far: FarNodes | undefined) {
    this.#nodes = nodes;
    this.#factory = factory;
    this.#far = far;
  }

  /**
   * Changes the number of KNs while requests go on. Slots that a failed KN does not let go are not
   * waited for: they are given to the KN that they are assigned to when it does.
   *
   * @throws {UnavailableError} when other slots cannot be moved for too long; see progress_limit.ts
   */
  async scale(count: number): Promise<ScaleReport> {
    try {
      return await this.#scale(count);
    } finally {
      this.#nodes.stayingCount = undefined;
    }
  }

  async #scale(count: number): Promise<ScaleReport> {
    const from = this.#nodes.running.length;
    const startMs = monotonicMs();
    if (count > from) {
      const nodes = this.#factory.make(count - from);
      await this.#factory.startThreads(nodes);
      this.#nodes.activate(nodes);
    }
    const movesStartMs = monotonicMs();
    const leaving = this.#nodes.running.slice(count).map(({ place }) => place);
    // First: what this gives to one KN again may be given to one that leaves, and then moves with
    // the rest.
    await this.#leaveKeys(count);
    const { farMoves } = this.#nodes;
    const moves =
      await (farMoves === undefined ? this.#rebalance(count) : this.#rebalanceFar(count, farMoves));
    // By place: a KN may have failed, and been replaced, since the list was made.
    const isLeaving = (node: ManagedNode) => leaving.includes(node.place);
    const retired = this.#nodes.running.filter(isLeaving);
    await Promise.all(retired.map((node) => this.#retire(node)));
    const report: ScaleReport = {
      from,
      to: this.#nodes.running.length,
      slotsMoved: moves.count,
      // I7: a move swaps two words of the slot, and no path from here reads or writes a record.
      bytesMoved: 0,
      startMs: movesStartMs - startMs,
      durationMs: monotonicMs() - movesStartMs,
      longestPauseMs: moves.longestPauseMs,
    };
    if (report.slotsMoved > 0) this.#nodes.events.onSlotsMoved(report);
    if (TRACED.slots) trace("slots", `scaled: ${JSON.stringify(report)}`);
    return report;
  }

  /** Retires one KN while requests go on; undefined if it has failed, or was retired, meanwhile. */
  async retire(nodeId: number): Promise<ScaleReport | undefined> {
    const node = this.#nodes.running.find((other) => other.nodeId === nodeId);
    if (node === undefined) return undefined;
    // Scaling down retires the last ones of the list.
    this.#nodes.running = [...this.#nodes.running.filter((other) => other !== node), node];
    return await this.scale(this.#nodes.running.length - 1);
  }

  /**
   * Has a key of a far pool owned by so many KNs, at most all of them, or by one.
   *
   * @returns false when as many keys as there may be have several owners already
   * @throws {UnavailableError} when that is not possible for too long
   */
  async replicate(key: EncodedKey, ownerCount: number): Promise<boolean> {
    const keys = this.#nodes.keys!;
    const limit = this.#limit("changing the number of a key's owners");
    while (!this.#nodes.hasFailed) {
      const count = Math.min(ownerCount, this.#nodes.running.length);
      if (count < 2) {
        if (keys.tryDereplicate(key)) return true;
      } else {
        const outcome = keys.tryReplicate(key, count);
        if (outcome !== "again") return outcome === "done";
      }
      limit.check(0);
      await sleep(RETRY_MS);
    }
    return true;
  }

  /** Sees to it that KNs that are about to be retired own no key that other KNs own, too. */
  async #leaveKeys(count: number): Promise<void> {
    if (this.#nodes.keys === undefined || count >= this.#nodes.running.length) return;
    this.#nodes.stayingCount = count;
    const limit = this.#limit("taking replicated keys from KNs that are retired");
    for (let isDone = false; !isDone && !this.#nodes.hasFailed;) {
      isDone = count > 1 ? this.#nodes.keys.tryLeave() : this.#nodes.keys.tryDereplicateLone();
      if (isDone) break;
      limit.check(0);
      await sleep(RETRY_MS);
    }
  }

  #limit(what: string): ProgressLimit {
    return new ProgressLimit(what, () => this.#nodes.retired.hasZombies, () => monotonicMs());
  }

  /**
   * Goes on giving slots of a far pool that were taken: while this thread blocks, for a request for
   * one of them, nothing else does.
   */
  giveTaken(): void {
    this.#farRebalance?.give();
  }

  /** Moves slots until the first so many KNs have them all, also if KNs fail meanwhile. */
  async #rebalance(count: number): Promise<{ count: number; longestPauseMs: number }> {
    const set = this.#nodes;
    const moves = { count: 0, longestPauseMs: 0 };
    const limit = this.#limit("changing the number of KNs");
    for (let isDone = false; !isDone && !set.hasFailed;) {
      isDone = true;
      const nodes = set.running;
      const owners = set.assignment(nodes.slice(0, count));
      for (let slot = 0; slot < SLOT_COUNT && nodes === set.running; slot++) {
        const owner = owners[slot]!;
        if (slotOwner(set.pool, slot as Slot) === owner) continue;
        const startMs = monotonicMs();
        if (tryMoveSlot(set.pool, slot as Slot, owner)) {
          moves.count += 1;
          moves.longestPauseMs = Math.max(moves.longestPauseMs, monotonicMs() - startMs);
        } else if (!set.retired.holds(slot as Slot)) isDone = false;
        if (moves.count % MOVES_PER_TURN === 0) await nextTurn();
      }
      isDone &&= nodes === set.running;
      if (isDone) break;
      limit.check(moves.count);
      await sleep(RETRY_MS);
    }
    return moves;
  }

  /** The same for a far pool, where a slot moves when the log of its owner has been merged. */
  async #rebalanceFar(count: number, farMoves: FarMoves): Promise<FarRebalance> {
    const set = this.#nodes;
    let nodes = set.running;
    let owners = set.assignment(nodes.slice(0, count));
    const assignedTo = (slot: Slot) =>
      (nodes === set.running ? owners : set.assignment(set.running))[slot]!;
    const { FarRebalance } = this.#far!.parts;
    const rebalance = this.#farRebalance = new FarRebalance(set.pool, farMoves, assignedTo);
    // While it ends in an error, what it has taken goes on being given.
    const isAway = (slot: Slot) =>
      slotOwner(set.pool, slot) !== owners[slot] && !set.retired.holds(slot);
    const limit = this.#limit("changing the number of KNs");
    while (!set.hasFailed) {
      nodes = set.running;
      owners = set.assignment(nodes.slice(0, count));
      const slots = owners.map((_, slot) => slot as Slot).filter(isAway);
      for (let from = 0; from < slots.length && nodes === set.running; from += MOVES_PER_TURN) {
        // So that little is left to be merged while no KN owns the slots.
        await this.#far!.mergeLogs();
        if (nodes === set.running) rebalance.move(slots.slice(from, from + MOVES_PER_TURN));
      }
      if (nodes === set.running && !slots.some(isAway)) break;
      limit.check(rebalance.count);
      await sleep(RETRY_MS);
    }
    this.#farRebalance = undefined;
    return rebalance;
  }

  /** Stops a KN that owns nothing any more. */
  async #retire(node: ManagedNode): Promise<void> {
    const set = this.#nodes;
    // From here on it cannot fail any more: its clients look for answers, and send the rest to the
    // slots' owners.
    const retired = set.retired.add(node);
    set.running = set.running.filter((other) => other !== node);
    Atomics.store(set.pool.control, GATE_NODE_COUNT, set.running.length);
    await node.thread.stop(NODE_STOP_MS_MAX);
    const deadlineMs = monotonicMs() + LEAVE_MS_MAX;
    set.retired.advance();
    while (retired.phase === RetiredPhase.IN_STEP && monotonicMs() < deadlineMs) {
      await sleep(RETRY_MS);
      set.retired.advance();
    }
    set.events.onNodeRemoved(node.nodeId);
  }
}
