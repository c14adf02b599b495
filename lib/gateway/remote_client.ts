/**
 * The client of a thread in another process than the one that has the pool: a socket carries its
 * requests.
 *
 * It waits for answers in the event loop: it polls when bytes have come, and at no other time.
 *
 * @module
 */
import { Client } from "../client/client.ts";
import { type ClientWaiter, PollResult } from "../client/client_waiter.ts";
import { runMicrotask, startTimer, type Timer } from "../core/runtime.ts";
import { SocketCarrier, type SocketCarrierOptions } from "./socket_carrier.ts";

/** Such a client. */
export type RemoteClient = Client<SocketCarrier>;

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;

class ArrivalWaiter implements ClientWaiter {
  #poll: (mayHelp: boolean) => number = () => PollResult.IDLE;
  /** Runs while requests are waited for: the connection itself does not keep the process alive. */
  #stay: Timer | undefined;

  schedule(task: () => void): void {
    runMicrotask(task);
  }

  waitLater(poll: (mayHelp: boolean) => number): void {
    this.#poll = poll;
    this.#stay ??= startTimer(() => {}, KEEP_ALIVE_MS, { isRepeated: true });
  }

  arrive(): void {
    if (this.#poll(false) !== PollResult.IDLE) return;
    this.#stay?.stop();
    this.#stay = undefined;
  }
}

/** Records are signed by the client that forwards them. */
const UNSIGNED = 0;

/** Makes a client that is not connected yet. */
export function makeRemoteClient(
  options: Omit<SocketCarrierOptions, "onArrival">,
): RemoteClient {
  const waiter = new ArrivalWaiter();
  const onArrival = () => waiter.arrive();
  return new Client({
    segmentBytes: options.segmentBytes,
    clientId: UNSIGNED,
    waiter,
    onFlush: () => {},
    onBlocked: () => {},
    carry: (_inFlight, ends) => new SocketCarrier(ends, { ...options, onArrival }),
  });
}
