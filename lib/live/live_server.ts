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
import process from "node:process";
import { InvalidArgumentError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";
import { LIVE_CONNECTIONS_MAX, LIVE_IDLE_MS_MAX } from "../core/limits.ts";
import { monotonicMs, startTimer, type Timer } from "../core/runtime.ts";
import {
  clearPlace,
  INSPECTED,
  listenAt,
  type PlacedDirectory,
  type SocketPlace,
  socketPlaceOf,
} from "../persistence/socket_place.ts";
import { LiveConnection } from "./live_connection.ts";
import type { LiveDescription, LiveRequest } from "./live_messages.ts";

const KEYS_PER_ITEM = 256;

/** What the socket needs of a store. */
export interface LiveStore {
  stats(): object;
  getEntry(key: Key): Promise<object | undefined>;
  keys(options: { prefix: Key; limit?: number; signal: AbortSignal }): AsyncIterable<Key>;
  put(key: Key, value: unknown, options: { ttl: number | undefined }): Promise<number>;
  watch(keys: Iterable<Key>, options: { signal: AbortSignal }): AsyncIterable<unknown>;
  watch(filter: { prefix: Key }, options: { signal: AbortSignal }): AsyncIterable<unknown>;
}

/** How a store is served. */
export interface LiveOptions {
  /** The pool's, which is locked. */
  readonly directory: PlacedDirectory;
  readonly keys: KeyTypes;
  readonly codec: string;
  readonly isWritable: boolean;
}

/** A store that is served. */
export class LiveServer {
  readonly #server: Server;
  readonly #place: SocketPlace;
  readonly #directory: PlacedDirectory;
  readonly #connections: Set<LiveConnection>;
  readonly #sweep: Timer;

  /** Used by {@linkcode serveLive}. */
  constructor(
    server: Server,
    place: SocketPlace,
    directory: PlacedDirectory,
    connections: Set<LiveConnection>,
  ) {
    this.#server = server;
    this.#place = place;
    this.#directory = directory;
    this.#connections = connections;
    const sweep = () => {
      const nowMs = monotonicMs();
      for (const connection of connections) connection.closeIfIdle(nowMs);
    };
    this.#sweep = startTimer(sweep, LIVE_IDLE_MS_MAX / 4, { isRepeated: true, keepsAlive: false });
  }

  /** Ends all connections, and removes the socket; at once, and only once. */
  close(): void {
    this.#sweep.stop();
    this.#server.close();
    for (const connection of this.#connections) connection.close();
    clearPlace(this.#place, this.#directory);
  }
}

/**
 * Listens for commands, without keeping the process alive.
 *
 * @throws {PathError} when there is no place for the socket, or Deno may not listen there
 */
export async function serveLive(store: LiveStore, options: LiveOptions): Promise<LiveServer> {
  const { directory } = options;
  const place = socketPlaceOf(directory, INSPECTED);
  const connections = new Set<LiveConnection>();
  const answer = (request: LiveRequest, signal: AbortSignal) =>
    itemsFor(store, options, request, signal);
  const server = await listenAt(place, (socket) => {
    if (connections.size >= LIVE_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const connection: LiveConnection = new LiveConnection(
      socket,
      answer,
      () => connections.delete(connection),
    );
    connections.add(connection);
  });
  return new LiveServer(server, place, directory, connections);
}

async function* itemsFor(
  store: LiveStore,
  options: LiveOptions,
  request: LiveRequest,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  switch (request.op) {
    case "describe":
      return yield describe(options);
    case "stats":
      return yield store.stats();
    case "get": {
      const entry = await store.getEntry(request.key);
      if (entry !== undefined) yield entry;
      return;
    }
    case "keys":
      return yield* keysFor(store, request.prefix, request.limit, signal);
    case "put":
      return yield await putFor(store, options, request);
    case "watch":
      return yield* store.watch(request.keys, { signal });
    case "watchPrefix":
      return yield* store.watch({ prefix: request.prefix }, { signal });
    default:
      throw new InvalidArgumentError("op must be one that this version knows");
  }
}

async function* keysFor(
  store: LiveStore,
  prefix: Key,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Key[]> {
  let keys: Key[] = [];
  const isLimited = Number.isFinite(limit);
  for await (const key of store.keys({ prefix, signal, ...(isLimited && { limit }) })) {
    keys.push(key);
    if (keys.length < KEYS_PER_ITEM) continue;
    yield keys;
    keys = [];
  }
  if (keys.length > 0) yield keys;
}

async function putFor(
  store: LiveStore,
  { isWritable }: LiveOptions,
  { key, value, ttl }: Extract<LiveRequest, { op: "put" }>,
): Promise<number> {
  if (isWritable) return await store.put(key, value, { ttl });
  throw new InvalidArgumentError(
    "put must be allowed by the process that has the pool open: open({ inspect: { write: true } })",
  );
}

function describe({ directory, keys, codec, isWritable }: LiveOptions): LiveDescription {
  const { pid } = process;
  return { path: directory.path, pid, runtime: runtimeName(), keys, codec, isWritable };
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}
