/**
 * Which nodes have to be asked for something that concerns many slots, and since when each has had
 * all of its own.
 *
 * @module
 */
import { NO_OWNER } from "../control/control_state.ts";
import type { OwnerView } from "./owner_view.ts";

/** What there is to know of a view. */
export class SlotRoutes {
  readonly view: OwnerView;
  /** Of each node that owns slots: sequence of the newest assignment that has given it one. */
  readonly newestOf: Map<number, number> = new Map();
  /** Of the newest assignment of all. */
  readonly madeAt: number;
  /** Whether each slot has an owner. */
  readonly isComplete: boolean;

  /** Goes through the slots of a view. */
  constructor(view: OwnerView) {
    this.view = view;
    let madeAt = 0;
    let isComplete = true;
    view.owners.forEach((owner, slot) => {
      const assignedAt = view.assignedAt[slot]!;
      madeAt = Math.max(madeAt, assignedAt);
      if (owner === NO_OWNER) isComplete = false;
      else this.newestOf.set(owner, Math.max(this.newestOf.get(owner) ?? 0, assignedAt));
    });
    this.madeAt = madeAt;
    this.isComplete = isComplete;
  }
}
