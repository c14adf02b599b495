/**
 * Requests that came before this node can say whether it is to execute them: it has not read the
 * assignment by which their sender routes, or not all logs up to the barriers.
 *
 * They are kept in their order, and go on in it. So of the requests that a session has on their way
 * for one slot, none is refused and a later one executed: that would change their order (I4).
 *
 * @module
 */
import { LateRequests } from "./late_requests.ts";
import { slotOf, type WaitingRequest } from "./requests.ts";

/** Requests that wait, in the order in which they have come. */
export class HeldRequests {
  #held: WaitingRequest[] = [];
  readonly #slots = new Map<number, number>();
  /** Of all of them. */
  bytes = 0;

  /** Whether there are requests of a slot: a later one waits behind them. */
  has(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /** Keeps a request. */
  add(held: WaitingRequest): void {
    const slot = slotOf(held.request);
    this.#held.push(held);
    this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + 1);
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
    this.#slots.clear();
    this.bytes = 0;
    return held;
  }
}
