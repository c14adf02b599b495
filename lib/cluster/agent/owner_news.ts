/**
 * What an agent tells its threads of the owners: views, from the commands of the control stream
 * that count.
 *
 * @module
 */
import { type OwnerView, type RefusedConnections, viewOf } from "../client/owner_view.ts";
import type { Command } from "../control/command.ts";
import type { ControlState } from "../control/control_state.ts";

/** Views of a state, each of which is told once. */
export class OwnerNews {
  readonly #state: ControlState;
  /** See {@linkcode OwnerView}. */
  readonly #failedAt = new Map<number, number>();
  #told = "";

  /** Begins with a state that is read on: each command that counts is noted. */
  constructor(state: ControlState) {
    this.#state = state;
  }

  /** A command counts, and was applied to the state last. */
  note(command: Command): void {
    const { sequence, assignedAt } = this.#state;
    // Who resigns with slots is the last one, or nobody has read ahead what it has.
    const isFailure = command.kind === "revoke" && command.resigns !== true &&
      assignedAt.includes(sequence);
    if (isFailure) this.#failedAt.set(command.node, sequence);
  }

  /** The view as it is. */
  view(refused: RefusedConnections): OwnerView {
    return viewOf(this.#state, refused, this.#failedAt);
  }

  /** The view if there is something new in it, which is told by that; otherwise undefined. */
  take(refused: RefusedConnections): OwnerView | undefined {
    const view = this.view(refused);
    const told = JSON.stringify([this.#state.mapSequence, refused.count, ...view.addresses]);
    if (told === this.#told) return undefined;
    this.#told = told;
    return view;
  }
}
