/**
 * What only the thread can do that has opened the pool: calls of the gateway thread to it, in the
 * frames in which other processes make theirs, over a `MessagePort`.
 *
 * @module
 */
import type { MessagePort } from "node:worker_threads";
import { InvalidArgumentError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { CALL_BYTES_MAX } from "../../core/limits.ts";
import type { StoreEvent, StoreEventType } from "../../store/events.ts";
import { EVENT_TYPES } from "../../store/events.ts";
import type { StoreStats } from "../../store/stats.ts";
import { CallClient } from "../../wire/call_client.ts";
import { CallServer } from "../../wire/call_server.ts";
import { FrameReader } from "../../wire/frame.ts";
import { decodeFailure, encodeFailure } from "../../gateway/carried_errors.ts";
import { decodeRequest, encodeContent, type HostRequest } from "./call_requests.ts";

/** Events that wait to be sent to one other process; the oldest are dropped beyond them. */
const EVENTS_MAX = 1024;

/** What other processes can have the host's store do. */
export interface HostStore {
  stats(): StoreStats;
  flush(): Promise<void>;
  scale(nodes: number, options: { signal: AbortSignal }): Promise<object>;
  snapshot(options: { signal: AbortSignal }): Promise<object>;
  backup(path: string, options: { signal: AbortSignal }): Promise<object>;
  compact(): Promise<object>;
  grow(capacityBytes: number): Promise<number>;
  replicate(key: Key, owners: number): Promise<void>;
  addEventListener(type: StoreEventType, listener: (event: StoreEvent) => void): void;
  removeEventListener(type: StoreEventType, listener: (event: StoreEvent) => void): void;
}

/** Answers the calls of the gateway thread, until the port is closed. */
export function serveHostCalls(port: MessagePort, store: HostStore): void {
  const frames = new FrameReader(CALL_BYTES_MAX);
  const calls = new CallServer({
    answer: (content, signal) => answer(store, decodeRequest(content).head as HostRequest, signal),
    failureOf: encodeFailure,
    write: (bytes) => {
      port.postMessage(bytes);
      return true;
    },
  });
  port.on("message", (bytes: Uint8Array) => {
    for (const frame of frames.read(bytes)) calls.receive(frame);
  });
  port.on("close", () => calls.close());
  port.unref();
}

/** Makes calls to the thread that has opened the pool. */
export function connectHost(port: MessagePort): CallClient {
  const frames = new FrameReader(CALL_BYTES_MAX);
  const calls = new CallClient({
    errorOf: decodeFailure,
    write: (bytes) => port.postMessage(bytes),
  });
  port.on("message", (bytes: Uint8Array) => {
    for (const frame of frames.read(bytes)) calls.receive(frame);
  });
  port.unref();
  return calls;
}

async function* answer(
  store: HostStore,
  request: HostRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (request.op === "events") return yield* tellEvents(store, signal);
  yield encodeContent(await askStore(store, request, signal));
}

async function askStore(
  store: HostStore,
  request: Exclude<HostRequest, { op: "events" }>,
  signal: AbortSignal,
): Promise<unknown> {
  switch (request.op) {
    case "stats":
      return store.stats();
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
    case "replicate":
      return await store.replicate(request.key, request.owners);
    default:
      throw new InvalidArgumentError("op must be one that this version knows");
  }
}

/** The events of a store, as long as they are wanted. */
async function* tellEvents(store: HostStore, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let queue: StoreEvent[] = [];
  let resume = () => {};
  const wake = () => resume();
  const note = (event: StoreEvent) => {
    if (queue.length === EVENTS_MAX) queue.shift();
    queue.push(event);
    wake();
  };
  for (const type of EVENT_TYPES) store.addEventListener(type, note);
  signal.addEventListener("abort", wake);
  try {
    while (!signal.aborted) {
      const events = queue;
      queue = [];
      for (const { type, detail } of events) yield encodeContent({ type, detail });
      if (queue.length === 0) await new Promise<void>((resolve) => resume = resolve);
    }
  } finally {
    signal.removeEventListener("abort", wake);
    for (const type of EVENT_TYPES) store.removeEventListener(type, note);
  }
}
