/**
 * Who owns which slot, and where nodes are, as an application thread knows it: by its agent, which
 * follows the control stream. It may be behind; owners refuse what was routed by an older one.
 *
 * @module
 */
import { SLOT_COUNT } from "../../core/limits.ts";
import { type ControlState, NO_OWNER } from "../control/control_state.ts";

/** What an agent tells; structured-cloneable. */
export interface OwnerView {
  /** The owner of each slot, or NO_OWNER. */
  readonly owners: Int32Array;
  /** Sequence of the assignment by which it came to own it. */
  readonly assignedAt: Float64Array;
  /** Where nodes take requests, by their numbers. */
  readonly addresses: ReadonlyMap<number, string>;
  /** Nodes whose leases others have ended while they owned slots, and by which message last. */
  readonly failedAt: ReadonlyMap<number, number>;
  /** Who was not let in by the node of this process. */
  readonly refused: RefusedConnections;
}

/** Connections that a node has refused. */
export interface RefusedConnections {
  readonly count: number;
  /** From where the last one came, and why it was refused; undefined if there was none. */
  readonly last: string | undefined;
}

/** None. */
export const NONE_REFUSED: RefusedConnections = { count: 0, last: undefined };

/** Nobody owns anything. */
export const NO_VIEW: OwnerView = {
  owners: new Int32Array(SLOT_COUNT).fill(NO_OWNER),
  assignedAt: new Float64Array(SLOT_COUNT),
  addresses: new Map(),
  refused: NONE_REFUSED,
  failedAt: new Map(),
};

/** The view of a state of the control stream. */
export function viewOf(
  state: ControlState,
  refused: RefusedConnections,
  failedAt: ReadonlyMap<number, number>,
): OwnerView {
  const addresses = new Map<number, string>();
  for (const node of state.members()) {
    const { address } = state.leaseOf(node)!;
    if (address !== undefined) addresses.set(node, address);
  }
  const [owners, assignedAt] = [state.owners.slice(), state.assignedAt.slice()];
  return { owners, assignedAt, addresses, refused, failedAt: new Map(failedAt) };
}
