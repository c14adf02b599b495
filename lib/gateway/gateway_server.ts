/**
 * The socket at which other processes use a store.
 *
 * What a connection can do is bounded: how many there are, how long one may take to begin, and what
 * each may have on its way (gateway_session.ts).
 *
 * @module
 */
import type { Server } from "node:net";
import { GATEWAY_CLOSE_MS_MAX, GATEWAY_CONNECTIONS_MAX, HELLO_MS_MAX } from "../core/limits.ts";
import { listenAt, type SocketPlace } from "../persistence/socket_place.ts";
import { monotonicMs, startTimer, type Timer } from "../platform/runtime.ts";
import { settlesWithin } from "../platform/settles_within.ts";
import { GatewayConnection, type GatewayParts } from "./gateway_connection.ts";

/** Takes connections. */
export class GatewayServer {
  readonly #parts: GatewayParts;
  readonly #connections = new Set<GatewayConnection>();
  readonly #sweep: Timer;
  #server: Server | undefined;

  private constructor(parts: GatewayParts) {
    this.#parts = parts;
    const sweep = () => {
      const nowMs = monotonicMs();
      for (const connection of this.#connections) connection.closeIfIdle(nowMs);
    };
    this.#sweep = startTimer(sweep, HELLO_MS_MAX / 4, { isRepeated: true, keepsAlive: false });
  }

  /**
   * Listens; the caller's process holds the pool's lock.
   *
   * @throws {PathError} when there is no place for the socket, or Deno may not listen there
   */
  static async listen(place: SocketPlace, parts: GatewayParts): Promise<GatewayServer> {
    const gateway = new GatewayServer(parts);
    try {
      gateway.#server = await listenAt(place, (socket) => gateway.#take(socket));
    } catch (error) {
      gateway.#sweep.stop();
      throw error;
    }
    return gateway;
  }

  /** How many there are. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Answers what was begun, and ends all connections. */
  async close(): Promise<void> {
    this.#sweep.stop();
    this.#server?.close();
    const ends = [...this.#connections].map((connection) => connection.finish());
    if (await settlesWithin(Promise.all(ends), GATEWAY_CLOSE_MS_MAX / 2)) return;
    // Those that do not take their answers.
    for (const connection of this.#connections) connection.close();
  }

  #take(socket: ConstructorParameters<typeof GatewayConnection>[0]): void {
    if (this.#connections.size >= GATEWAY_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const onClosed = () => void this.#connections.delete(connection);
    const connection: GatewayConnection = new GatewayConnection(socket, this.#parts, onClosed);
    this.#connections.add(connection);
  }
}
