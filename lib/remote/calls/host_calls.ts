/**
 * What only the thread can do that has opened the pool: calls of the gateway thread to it, in the
 * frames in which other processes make theirs, posted as messages.
 *
 * @module
 */
import { encodeTagged } from "../../codec/tagged_bytes.ts";
import { InvalidArgumentError, UnavailableError } from "../../core/errors.ts";
import { CALL_BYTES_MAX } from "../../core/limits.ts";
import { EVENT_TYPES, type StoreEvent, type StoreEventType } from "../../store/parts/events.ts";
import type { ClusterPicture } from "../../core/cluster_figures.ts";
import type { PoolPicture } from "../../store/figures/pool_picture.ts";
import type { StoreStats } from "../../store/figures/stats.ts";
import { CallClient } from "../../wire/call_client.ts";
import { CallServer } from "../../wire/call_server.ts";
import { FrameReader } from "../../wire/frame.ts";
import { decodeFailure, encodeFailure } from "../../gateway/carried_errors.ts";
import { decodeRequest, type HostRequest } from "./call_requests.ts";

/** Events that wait to be sent to one other process; the oldest are dropped beyond them. */
const EVENTS_MAX = 1024;

/** What other processes can have the host's store do. */
export interface HostStore {
  stats(): StoreStats;
  /** What the pool looks like; undefined when the store is closed. */
  readPicture(): Promise<PoolPicture | ClusterPicture> | undefined;
  flush(): Promise<void>;
  scale(nodes: number, options: { signal: AbortSignal }): Promise<object>;
  snapshot(options: { signal: AbortSignal }): Promise<object>;
  backup(path: string, options: { signal: AbortSignal }): Promise<object>;
  compact(): Promise<object>;
  grow(capacityBytes: number): Promise<number>;
  addEventListener(type: StoreEventType, listener: (event: StoreEvent) => void): void;
  removeEventListener(type: StoreEventType, listener: (event: StoreEvent) => void): void;
}

/** One end of the calls of the gateway thread. */
export interface HostEnd {
  /** Takes what the other thread has posted. */
  receive(bytes: Uint8Array): void;
  /** The other thread has ended. */
  close(): void;
}

/** Answers the calls of the gateway thread. */
export function serveHostCalls(store: HostStore, post: (bytes: Uint8Array) => void): HostEnd {
  const frames = new FrameReader(CALL_BYTES_MAX);
  const events = new HostEvents(store);
  const calls = new CallServer({
    answer: (content, signal) => {
      const request = decodeRequest(content).head as HostRequest;
      return request.op === "events" ? events.items(signal) : answer(store, request, signal);
    },
    failureOf: encodeFailure,
    write: (bytes) => {
      post(bytes);
      return true;
    },
  });
  return {
    receive: (bytes) => {
      for (const frame of frames.read(bytes)) calls.receive(frame);
    },
    close: () => calls.close(),
  };
}

/** Makes calls to the thread that has opened the pool. */
export function connectHost(post: (bytes: Uint8Array) => void): HostEnd & { calls: CallClient } {
  const frames = new FrameReader(CALL_BYTES_MAX);
  const calls = new CallClient({ errorOf: decodeFailure, write: post });
  return {
    calls,
    receive: (bytes) => {
      for (const frame of frames.read(bytes)) calls.receive(frame);
    },
    close: () =>
      calls.failAll(new UnavailableError("the process that has the pool open must answer")),
  };
}

async function* answer(
  store: HostStore,
  request: Exclude<HostRequest, { op: "events" }>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield encodeTagged(await askStore(store, request, signal));
}

async function askStore(
  store: HostStore,
  request: Exclude<HostRequest, { op: "events" }>,
  signal: AbortSignal,
): Promise<unknown> {
  switch (request.op) {
    case "stats":
      return store.stats();
    case "picture":
      return await store.readPicture();
    case "sync":
      return await store.flush();
    case "scale":
      return await store.scale(request.nodes, { signal });
    case "snapshot":
      return await store.snapshot({ signal });
    case "backup":
      return await store.backup(request.path, { signal });
    case "compact":
      return await store.compact();
    case "grow":
      return await store.grow(request.capacityBytes);
    default:
      throw new InvalidArgumentError("op must be one that this version knows");
  }
}

/** The events of a store, for all who want them. */
class HostEvents {
  readonly #store: HostStore;
  readonly #listeners = new Set<(item: Uint8Array) => void>();

  constructor(store: HostStore) {
    this.#store = store;
  }

  /** Events from now on. */
  items(signal: AbortSignal): AsyncIterable<Uint8Array> {
    const queue: Uint8Array[] = [];
    const waiting = { resume: () => {} };
    const note = (item: Uint8Array) => {
      if (queue.length === EVENTS_MAX) queue.shift();
      queue.push(item);
      waiting.resume();
    };
    const end = () => {
      this.#remove(note);
      waiting.resume();
    };
    this.#add(note);
    signal.addEventListener("abort", end);
    return takeItems(queue, waiting, signal);
  }

  #add(listener: (item: Uint8Array) => void): void {
    this.#listeners.add(listener);
    if (this.#listeners.size > 1) return;
    for (const type of EVENT_TYPES) this.#store.addEventListener(type, this.#tell);
  }

  #remove(listener: (item: Uint8Array) => void): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    for (const type of EVENT_TYPES) this.#store.removeEventListener(type, this.#tell);
  }

  readonly #tell = ({ type, detail }: StoreEvent): void => {
    const item = encodeTagged({ type, detail });
    for (const listener of this.#listeners) listener(item);
  };
}

async function* takeItems(
  queue: Uint8Array[],
  waiting: { resume: () => void },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  while (!signal.aborted) {
    const item = queue.shift();
    if (item !== undefined) yield item;
    else await new Promise<void>((resolve) => waiting.resume = resolve);
  }
}
