/**
 * Requests that came before this node can execute them: it has not read the assignment by which
 * their sender routes, or not all logs up to the barriers, or copies of a key are still lent.
 *
 * They are kept in their order, and go on in it. So of the requests that a session has on their way
 * for one slot, none is refused and a later one executed: that would change their order (I4).
 *
 * @module
 */
import { LateRequests } from "./late_requests.ts";
import { PendingRequests } from "./pending_requests.ts";
import { slotOf, type WaitingRequest } from "./requests.ts";

/** Requests that wait, in the order in which they have come. */
export class HeldRequests {
  #held: WaitingRequest[] = [];
  #pending = new PendingRequests();
  /** Of all of them. */
  bytes = 0;

  /** Whether there are requests of a session for a slot: a later one waits behind them. */
  has(slot: number, session: number): boolean {
    return this.#pending.has(slot, session);
  }

  /** Whether there are requests of a slot. */
  hasAny(slot: number): boolean {
    return this.#pending.hasAny(slot);
  }

  /** Keeps a request. */
  add(held: WaitingRequest): void {
    this.#held.push(held);
    this.#pending.begin(slotOf(held.request), held.request.session);
    this.bytes += held.bytes;
  }

  /** Takes those out that come too late, by the clock of requests. */
  takeLate(nowMs: number): readonly WaitingRequest[] {
    const late = new LateRequests();
    const taken: WaitingRequest[] = [];
    for (const held of this.takeAll()) {
      if (late.take(held.request, nowMs)) taken.push(held);
      else this.add(held);
    }
    return taken;
  }

  /** Takes all of them out. */
  takeAll(): readonly WaitingRequest[] {
    const held = this.#held;
    this.#held = [];
    this.#pending = new PendingRequests();
    this.bytes = 0;
    return held;
  }
}
