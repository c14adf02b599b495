/**
 * The connections of commands to one pool: how many there may be, and how long one may be silent.
 *
 * @module
 */
import type { Socket } from "node:net";
import { LIVE_CONNECTIONS_MAX, LIVE_IDLE_MS_MAX } from "../core/limits.ts";
import { monotonicMs, startTimer, type Timer } from "../platform/runtime.ts";
import { settlesWithin } from "../platform/settles_within.ts";
import { type Answer, LiveConnection } from "./live_connection.ts";

/** How long the end of a store waits for others to take what it says last. */
const FAREWELL_MS_MAX = 500;

/** Those that are open. */
export class LiveConnections {
  readonly #answer: Answer;
  readonly #connections = new Set<LiveConnection>();
  readonly #sweep: Timer;
  #isOpen = true;

  /** Has requests answered. */
  constructor(answer: Answer) {
    this.#answer = answer;
    const sweep = () => {
      const nowMs = monotonicMs();
      for (const connection of this.#connections) connection.closeIfIdle(nowMs);
    };
    this.#sweep = startTimer(sweep, LIVE_IDLE_MS_MAX / 4, { isRepeated: true, keepsAlive: false });
  }

  /** Answers what comes by a socket; undefined if that is ended, since there are too many. */
  take(socket: Socket): LiveConnection | undefined {
    if (!this.#isOpen || this.#connections.size >= LIVE_CONNECTIONS_MAX) {
      socket.destroy();
      return undefined;
    }
    const onClosed = () => void this.#connections.delete(connection);
    const connection: LiveConnection = new LiveConnection(socket, this.#answer, onClosed);
    this.#connections.add(connection);
    return connection;
  }

  /** Takes no more, tells all that there are, and ends them. */
  async close(): Promise<void> {
    this.#isOpen = false;
    this.#sweep.stop();
    const connections = [...this.#connections];
    const told = Promise.all(connections.map((connection) => connection.sayFarewell()));
    await settlesWithin(told, FAREWELL_MS_MAX);
    for (const connection of connections) connection.close();
  }
}
