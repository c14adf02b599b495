/**
 * The events of a store of a cluster, made of what its thread is told of owners.
 *
 * @module
 */
import type { NodeLoads } from "../../core/cluster_figures.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { monotonicMs } from "../../platform/runtime.ts";
import type { Emit } from "../../remote/calls/remote_events.ts";
import { NO_OWNER } from "../control/control_state.ts";
import type { OwnerView } from "../client/owner_view.ts";

/** A failure of a node, and what it owned. */
interface Failure {
  readonly node: number;
  readonly slots: readonly number[];
  /** When this thread was told. */
  readonly sinceMs: number;
  /** Who has got most of its slots; undefined until all have owners, when it is told. */
  replacement?: number;
}

/** Tells of nodes that come, go and fail, and of slots that move. */
export class ClusterEvents {
  readonly #emit: Emit;
  #view: OwnerView | undefined;
  #loads: NodeLoads = new Map();
  /**
   * Failures, until all that the node owned is served again. There are several of one node that has
   * come back and failed again meanwhile.
   */
  #failures: Failure[] = [];

  /** Tells of what is new since the first view. */
  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** Who owns what has changed. */
  take(view: OwnerView): void {
    const before = this.#view;
    this.#view = view;
    if (before === undefined) return;
    for (const node of before.addresses.keys()) this.#compare(node, before, view);
    for (const node of view.addresses.keys()) {
      if (!isSame(node, before, view)) this.#emit("nodeadded", { node });
    }
    for (const failure of this.#failures) {
      if (failure.replacement === undefined) this.#tellFailure(failure, view);
    }
    this.#tellMoves(before, view);
    this.#tellRecoveries();
  }

  /** Nodes have said by which map they serve all their slots. */
  served(loads: NodeLoads): void {
    this.#loads = loads;
    this.#tellRecoveries();
  }

  #tellRecoveries(): void {
    const isOver = ({ replacement, slots }: Failure) =>
      replacement !== undefined && slots.every((slot) => this.#isServed(slot));
    const over = this.#failures.filter(isOver);
    if (over.length === 0) return;
    this.#failures = this.#failures.filter((failure) => !over.includes(failure));
    for (const { node, sinceMs, replacement } of over) {
      const durationMs = monotonicMs() - sinceMs;
      this.#emit("noderecovered", {
        node,
        replacement: replacement!,
        changesCompleted: 0,
        durationMs,
      });
    }
  }

  /** Whether its owner has said that it serves what it owns, by the assignment of the slot. */
  #isServed(slot: number): boolean {
    const { owners, assignedAt } = this.#view!;
    return (this.#loads.get(owners[slot]!)?.map ?? 0) >= assignedAt[slot]!;
  }

  /** Slots that nodes have given to others. */
  #tellMoves(before: OwnerView, view: OwnerView): void {
    const isFailed = new Map(
      [...before.addresses.keys()].map((node) => [node, hasFailed(node, before, view)] as const),
    );
    let slotsMoved = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const [from, to] = [before.owners[slot]!, view.owners[slot]!];
      if (from !== to && from !== NO_OWNER && to !== NO_OWNER && !isFailed.get(from)) {
        slotsMoved += 1;
      }
    }
    if (slotsMoved === 0) return;
    const [from, to] = [before.addresses.size, view.addresses.size];
    const unmeasured = { startMs: 0, durationMs: 0, longestPauseMs: 0 };
    this.#emit("slotsmoved", { from, to, slotsMoved, bytesMoved: 0, ...unmeasured });
  }

  #compare(node: number, before: OwnerView, view: OwnerView): void {
    if (isSame(node, before, view)) return;
    if (!hasFailed(node, before, view)) return this.#emit("noderemoved", { node });
    const slots = [...before.owners.keys()].filter((slot) => before.owners[slot] === node);
    this.#failures.push({ node, slots, sinceMs: monotonicMs() });
  }

  /** When all its slots have owners. */
  #tellFailure(failure: Failure, { owners }: OwnerView): void {
    const { node, slots } = failure;
    const counts = new Map<number, number>();
    for (const slot of slots) counts.set(owners[slot]!, (counts.get(owners[slot]!) ?? 0) + 1);
    if (counts.has(NO_OWNER)) return;
    const [[replacement] = [node]] = [...counts].sort(([, a], [, b]) => b - a);
    failure.replacement = replacement;
    this.#emit("nodefailed", {
      node,
      reason: "its lease has ended",
      cause: undefined,
      replacement,
      slotsMoved: slots.length,
      slotsHeld: 0,
    });
  }
}

/** Whether a node is in the same life in two views. */
function isSame(node: number, before: OwnerView, view: OwnerView): boolean {
  const address = view.addresses.get(node);
  return address !== undefined && address === before.addresses.get(node) &&
    !hasFailed(node, before, view);
}

/** Whether it has failed in between. What is not known was before: another agent was told. */
function hasFailed(node: number, before: OwnerView, view: OwnerView): boolean {
  return (view.failedAt.get(node) ?? 0) > (before.failedAt.get(node) ?? 0);
}
