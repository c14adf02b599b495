/**
 * The socket of an open store: answers `dinomo top`, `get`, `put`, `keys` and `watch` in other
 * processes of the machine. It belongs to the thread that has opened the store, and is answered
 * while that is not blocked.
 *
 * What a connection can do is bounded: how many there are, the bytes of a request and of an answer,
 * and how long one may be silent that has nothing to wait for.
 *
 * @module
 */
import type { Server } from "node:net";
import {
  clearPlace,
  INSPECTED,
  listenAt,
  type PlacedDirectory,
  type SocketPlace,
  socketPlaceOf,
} from "../persistence/socket_place.ts";
import { answerFrom, type LiveSource } from "./live_answers.ts";
import { LiveConnections } from "./live_connections.ts";

/** A store that is served. */
export class LiveServer {
  readonly #server: Server;
  readonly #place: SocketPlace;
  readonly #directory: PlacedDirectory;
  readonly #connections: LiveConnections;

  /** Used by {@linkcode serveLive}. */
  constructor(
    server: Server,
    place: SocketPlace,
    directory: PlacedDirectory,
    connections: LiveConnections,
  ) {
    this.#server = server;
    this.#place = place;
    this.#directory = directory;
    this.#connections = connections;
  }

  /** Removes the socket at once, tells all connections, and ends them; only once. */
  async close(): Promise<void> {
    this.#server.close();
    clearPlace(this.#place, this.#directory);
    await this.#connections.close();
  }
}

/**
 * Listens for commands, without keeping the process alive.
 *
 * @param directory the pool's, which is locked
 * @throws {PathError} when there is no place for the socket, or Deno may not listen there
 */
export async function serveLive(
  directory: PlacedDirectory,
  source: LiveSource,
): Promise<LiveServer> {
  const place = socketPlaceOf(directory, INSPECTED);
  const connections = new LiveConnections(answerFrom(source));
  try {
    const server = await listenAt(place, (socket) => void connections.take(socket));
    return new LiveServer(server, place, directory, connections);
  } catch (error) {
    await connections.close();
    throw error;
  }
}
