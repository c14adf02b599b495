/**
 * The client of a thread in another process than the one that has the pool: a socket carries its
 * requests.
 *
 * It waits for answers in the event loop: it polls when bytes have come, and at no other time. For
 * a moment the event loop turns meanwhile (turning_wait.ts).
 *
 * @module
 */
import { Client } from "../client/client.ts";
import { type ClientWaiter, PollResult } from "../client/client_waiter.ts";
import { monotonicMs, ProcessHold, runMicrotask, runNextTurn } from "../platform/runtime.ts";
import { SocketCarrier, type SocketCarrierOptions } from "./socket_carrier.ts";
import { TurningWait } from "./turning_wait.ts";

/** Such a client. */
export type RemoteClient = Client<SocketCarrier>;

/** Waits until something has come, and is told so. */
export class ArrivalWaiter implements ClientWaiter {
  /** Called when answers are waited for here. */
  onWait = (): void => {};
  #poll: (mayHelp: boolean) => number = () => PollResult.IDLE;
  /** While requests are waited for: the connection itself does not keep the process alive. */
  readonly #process = new ProcessHold();
  readonly #turns: TurningWait;
  #isOver = false;

  /**
   * Waits for nothing yet.
   *
   * @param turnsMs how long the event loop turns until an answer comes, before the thread sleeps
   */
  constructor(turnsMs = 0) {
    this.#turns = new TurningWait({ turnsMs, now: monotonicMs, nextTurn: runNextTurn });
  }

  schedule(task: () => void): void {
    runMicrotask(task);
  }

  waitLater(poll: (mayHelp: boolean) => number): void {
    this.#poll = poll;
    this.onWait();
    if (this.#isOver) return;
    this.#process.hold();
    this.#turns.begin();
  }

  arrive(): void {
    this.#turns.noteAnswer();
    if (this.#poll(false) === PollResult.IDLE) this.#process.release();
    else this.#turns.begin();
  }

  /** Nothing is waited for any more, whatever is issued: it will not be answered. */
  end(): void {
    this.#isOver = true;
    this.#turns.end();
    this.#process.end();
  }
}

/** Records are signed by the client that forwards them. */
const UNSIGNED = 0;

/**
 * Makes a client that is not connected yet.
 *
 * @param turnsMs see {@linkcode ArrivalWaiter}
 */
export function makeRemoteClient(
  options: Omit<SocketCarrierOptions, "onArrival" | "onClose">,
  turnsMs = 0,
): RemoteClient {
  const waiter = new ArrivalWaiter(turnsMs);
  const onArrival = () => waiter.arrive();
  const onClose = () => waiter.end();
  const client: RemoteClient = new Client({
    segmentBytes: options.segmentBytes,
    clientId: UNSIGNED,
    waiter,
    onFlush: () => {},
    onBlocked: () => {},
    carry: (_inFlight, ends) => new SocketCarrier(ends, { ...options, onArrival, onClose }),
  });
  waiter.onWait = () => client.carrier.listen();
  return client;
}
