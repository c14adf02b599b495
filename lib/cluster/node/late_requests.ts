/**
 * What a session has sent for a slot behind a request that has come too late to a node.
 *
 * The request comes back, and its sender may send it again, since its clock is behind that of the
 * node. So what is behind it comes back with it, and is not executed before it: that would change
 * their order (I4).
 *
 * @module
 */
import { type ClusterRequest, slotOf } from "./requests.ts";

/** Sessions of which a request of a slot has come too late. */
export class LateRequests {
  readonly #late = new Set<string>();

  /** Whether a request comes too late now, by itself or because one before it has. */
  take(request: ClusterRequest, nowMs: number): boolean {
    const isLate = nowMs > request.untilMs;
    if (request.session === 0) return isLate;
    if (isLate) this.#late.add(nameOf(request));
    return isLate || (this.#late.size > 0 && this.#late.has(nameOf(request)));
  }

  /** Nothing of its session and slot waits any more. */
  forget(request: ClusterRequest): void {
    if (this.#late.size > 0) this.#late.delete(nameOf(request));
  }
}

function nameOf(request: ClusterRequest): string {
  return `${slotOf(request)} ${request.session}`;
}
