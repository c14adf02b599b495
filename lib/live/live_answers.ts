/**
 * What answers the requests of commands: a store of the process that has the pool.
 *
 * @module
 */
import { process } from "../platform/process.ts";
import { InvalidArgumentError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import type { KeyTypes } from "../core/key_types.ts";
import type { Answer } from "./live_connection.ts";
import type { LiveDescription, LiveRequest } from "./live_messages.ts";

const KEYS_PER_ITEM = 256;

/** What is asked of a store. */
export interface LiveStore {
  getEntry(key: Key): Promise<object | undefined>;
  keys(options: { prefix: Key; limit?: number; signal: AbortSignal }): AsyncIterable<Key>;
  put(key: Key, value: unknown, options: { ttl: number | undefined }): Promise<number>;
  watch(keys: Iterable<Key>, options: { signal: AbortSignal }): AsyncIterable<unknown>;
  watch(filter: { prefix: Key }, options: { signal: AbortSignal }): AsyncIterable<unknown>;
}

/** Who answers, and for which pool. */
export interface LiveSource {
  /** Absolute path of the pool's directory. */
  readonly path: string;
  readonly keys: KeyTypes;
  readonly codec: string;
  readonly isWritable: boolean;
  /** The store; it may be made when it is needed first. */
  useStore(): Promise<LiveStore>;
  /** What `stats()` returns. */
  readStats(): Promise<object>;
}

/** Makes what answers the requests of all connections. */
export function answerFrom(source: LiveSource): Answer {
  return (request, signal) => itemsFor(source, request, signal);
}

async function* itemsFor(
  source: LiveSource,
  request: LiveRequest,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  if (request.op === "describe") return yield describe(source);
  if (request.op === "stats") return yield await source.readStats();
  const store = await source.useStore();
  switch (request.op) {
    case "get": {
      const entry = await store.getEntry(request.key);
      if (entry !== undefined) yield entry;
      return;
    }
    case "keys":
      return yield* keysFor(store, request.prefix, request.limit, signal);
    case "put":
      return yield await putFor(store, source, request);
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
  { isWritable }: LiveSource,
  { key, value, ttl }: Extract<LiveRequest, { op: "put" }>,
): Promise<number> {
  if (isWritable) return await store.put(key, value, { ttl });
  throw new InvalidArgumentError(
    "put must be allowed by the process that has the pool open: open({ inspect: { write: true } })",
  );
}

function describe({ path, keys, codec, isWritable }: LiveSource): LiveDescription {
  return { path, pid: process.pid, runtime: runtimeName(), keys, codec, isWritable };
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}
