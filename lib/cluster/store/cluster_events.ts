/**
 * The events of a store of a cluster, made of what its thread is told of owners.
 *
 * @module
 */
import type { Emit } from "../../remote/calls/remote_events.ts";
import { NO_OWNER } from "../control/control_state.ts";
import type { OwnerView } from "../client/owner_view.ts";

/** Tells of nodes that come, go and fail. */
export class ClusterEvents {
  readonly #emit: Emit;
  #view: OwnerView | undefined;
  /** Nodes that have failed, with their slots, until these have owners. */
  readonly #failed = new Map<number, readonly number[]>();

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
    for (const [node, slots] of this.#failed) this.#tellFailure(node, slots, view);
  }

  #compare(node: number, before: OwnerView, view: OwnerView): void {
    if (isSame(node, before, view)) return;
    if (!hasFailed(node, before, view)) return this.#emit("noderemoved", { node });
    this.#failed.set(
      node,
      [...before.owners.keys()].filter((slot) => before.owners[slot] === node),
    );
  }

  /** When all its slots have owners. */
  #tellFailure(node: number, slots: readonly number[], { owners }: OwnerView): void {
    const counts = new Map<number, number>();
    for (const slot of slots) counts.set(owners[slot]!, (counts.get(owners[slot]!) ?? 0) + 1);
    if (counts.has(NO_OWNER)) return;
    this.#failed.delete(node);
    const [[replacement] = [node]] = [...counts].sort(([, a], [, b]) => b - a);
    this.#emit("nodefailed", {
      node,
      reason: "its lease has ended",
      cause: undefined,
      replacement: replacement!,
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
