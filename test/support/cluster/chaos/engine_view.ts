/**
 * Who leads which stream of the engine.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";

const TIMEOUT_MS = 500;

/** Asks the servers. */
export class EngineView {
  readonly #servers: readonly string[];
  readonly #name: string;
  #connection: Promise<NatsConnection> | undefined;
  #manager: Promise<JetStreamManager> | undefined;

  /** Of a cluster with a name. */
  constructor(servers: readonly string[], name: string) {
    this.#servers = servers;
    this.#name = name;
  }

  /** Name of the server that leads a stream; undefined if nobody does, or it is not known. */
  async leader(stream: string): Promise<string | undefined> {
    try {
      const manager = await this.#connected();
      return (await manager.streams.info(`${this.#name}-${stream}`)).cluster?.leader;
    } catch {
      return undefined;
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await (await this.#connection)?.close();
  }

  #connected(): Promise<JetStreamManager> {
    this.#connection ??= connect({
      servers: [...this.#servers],
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      timeout: TIMEOUT_MS,
    });
    return this.#manager ??= this.#connection.then((connection) =>
      jetstreamManager(connection, { timeout: TIMEOUT_MS, checkAPI: false })
    );
  }
}
