/**
 * Where application threads of any process reach a node: a TCP port of its own.
 *
 * What a connection can do is bounded: how many there are, how long one may take to begin, and what
 * each may have on its way (node_session.ts).
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TlsIdentity } from "../../core/cluster_identity.ts";
import { GATEWAY_CLOSE_MS_MAX, GATEWAY_CONNECTIONS_MAX, HELLO_MS_MAX } from "../../core/limits.ts";
import { monotonicMs, sleep, startTimer, type Timer } from "../../platform/runtime.ts";
import type { ByteStream } from "./byte_stream.ts";
import { createTlsServer } from "./cluster_tls.ts";
import type { ClusterHello } from "./cluster_handshake.ts";
import { listenNear, type NearListener, type NearPlace } from "./near_place.ts";
import { formatAddress } from "./node_address.ts";
import { NodeConnection, type NodeConnectionParts } from "./node_connection.ts";
import { TurningStream } from "./turning_stream.ts";

/** A node's connections wait so long for one look after the other at what is unanswered. */
const LOOK_MS = 10;

/** What a server is made of. */
export interface NodeServerParts extends Omit<NodeConnectionParts, "onBegin" | "isOwn"> {
  /** Undefined if connections are not encrypted. */
  readonly tls: TlsIdentity | undefined;
}

/** Takes connections. */
export class NodeServer {
  readonly #parts: NodeServerParts;
  readonly #connections = new Set<NodeConnection>();
  readonly #server: Server;
  readonly #sweep: Timer;
  #near: NearListener | undefined;
  /** Connections, encrypted or not yet. */
  #open = 0;

  private constructor(server: Server, parts: NodeServerParts) {
    this.#server = server;
    this.#parts = parts;
    // A server of encrypted connections has those in the second event.
    const isTls = parts.tls !== undefined;
    server.on(isTls ? "secureConnection" : "connection", (socket: Socket) => this.take(socket));
    if (isTls) server.on("connection", (socket: Socket) => this.#count(socket));
    server.on("tlsClientError", (error: Error, { remoteAddress = "" }: Socket) => {
      parts.onDistrust(remoteAddress, `no encrypted connection is made: ${error.message}`);
    });
    const sweep = () => {
      for (const connection of this.#connections) connection.closeIfIdle(monotonicMs());
    };
    this.#sweep = startTimer(sweep, HELLO_MS_MAX / 4, { isRepeated: true, keepsAlive: false });
  }

  /** Takes connections of a server that listens. */
  static serve(server: Server, parts: NodeServerParts): NodeServer {
    return new NodeServer(server, parts);
  }

  /** Takes connections of processes of this machine by a socket, too, if it can. */
  async serveNear(place: NearPlace): Promise<void> {
    this.#near = await listenNear(place, (socket) => this.take(new TurningStream(socket)));
  }

  /**
   * Takes a connection.
   *
   * @param isOwn whether it is of the thread with which the node shares values
   */
  take(socket: ByteStream, isOwn = false): void {
    if (this.#connections.size >= GATEWAY_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const onClosed = () => void this.#connections.delete(connection);
    const onBegin = (hello: ClusterHello) => this.#endEarlier(hello);
    const parts = { ...this.#parts, onBegin, isOwn };
    const connection: NodeConnection = new NodeConnection(socket, parts, onClosed);
    this.#connections.add(connection);
  }

  /** How many connections there are. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The node is not crowded any more. */
  resume(): void {
    for (const connection of this.#connections) connection.resume();
  }

  /** Takes no more connections, and ends those that there are when all is answered, or soon. */
  async close(): Promise<void> {
    this.#sweep.stop();
    this.#near?.close();
    this.#server.close();
    const deadlineMs = monotonicMs() + GATEWAY_CLOSE_MS_MAX / 2;
    const isIdle = () => [...this.#connections].every((connection) => connection.isIdle);
    while (!isIdle() && monotonicMs() < deadlineMs) await sleep(LOOK_MS, { keepsAlive: true });
    for (const connection of this.#connections) connection.close();
  }

  /** Who only begins to connect takes room, too. */
  #count(socket: Socket): void {
    if (this.#open >= GATEWAY_CONNECTIONS_MAX) return void socket.destroy();
    this.#open += 1;
    socket.on("close", () => this.#open -= 1);
  }

  /**
   * A thread has connected anew: what may still come by its connection before is not executed, as
   * it sends all of that again. False if the thread has another connection since.
   */
  #endEarlier({ session, number }: ClusterHello): boolean {
    let isNewest = true;
    for (const connection of this.#connections) {
      const { begun } = connection;
      if (begun?.session !== session) continue;
      if (begun.number < number) connection.close();
      else if (begun.number > number) isNewest = false;
    }
    return isNewest;
  }
}

/**
 * Listens at a port.
 *
 * @param port 0 for any
 * @throws {Error} of the operating system
 */
export async function listenTcp(
  host: string,
  port: number,
  tls: TlsIdentity | undefined,
): Promise<Server> {
  const server = tls === undefined ? createServer({ noDelay: true }) : createTlsServer(tls);
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

/**
 * Where others reach a server.
 *
 * @param advertised host, or host and port, if it is not where it listens
 */
export function addressOf(
  server: Server,
  advertised: string | undefined,
  isEncrypted: boolean,
): string {
  const { address, port } = server.address() as AddressInfo;
  if (advertised === undefined) return formatAddress({ host: address, port, isEncrypted });
  const [, host, own] = /^(.*?)(?::([0-9]+))?$/.exec(advertised)!;
  const name = host!.replace(/^\[|\]$/g, "");
  return formatAddress({ host: name, port: own === undefined ? port : Number(own), isEncrypted });
}
