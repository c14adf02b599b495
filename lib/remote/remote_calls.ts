/**
 * The calls of a thread in another process than the one that has the pool, over one connection
 * after the other.
 *
 * A call that is made while there is no connection waits for the next one. When a connection ends,
 * its calls end with a {@linkcode ConnectionEndedError}; what only reads is asked again then, and
 * of what does more it is said that it may have been done.
 *
 * @module
 */
import { decodeTagged } from "../codec/tagged_bytes.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import type { CallEnd } from "../gateway/call_end.ts";
import { CALLS_MAX } from "../core/limits.ts";
import { startTimer, type Timer } from "../platform/runtime.ts";
import { CallClient, type CallItems, type CallOptions } from "../wire/call_client.ts";
import type { Frame } from "../wire/frame.ts";
import { decodeFailure } from "../gateway/carried_errors.ts";
import { type CallRequest, encodeRequest } from "./calls/call_requests.ts";

/** A timer far enough away never to fire; it keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 30;
/** Calls that end when they are given up. */
const ENDLESS: ReadonlySet<string> = new Set(["parts", "changes", "events"]);

/** The connection has ended before the call. */
export class ConnectionEndedError extends UnavailableError {
  /** Makes the error. */
  constructor() {
    super(
      "the process that has the pool open must answer, but the connection to it has ended; " +
        "what was asked for may or may not have been done",
    );
  }
}

/** Makes calls, over the connection that there is, or will be. */
export class RemoteCalls implements CallEnd {
  #client: CallClient | undefined;
  #failure: DinomoError | undefined;
  /** Calls that wait for a connection. */
  readonly #waiting = new Set<() => void>();
  /** Calls that the process waits for: the connection itself does not keep it alive. */
  #waitedCount = 0;
  #keepAlive: Timer | undefined;
  readonly #idleWaiters: (() => void)[] = [];

  /** A connection has been made. */
  connect(write: (bytes: Uint8Array) => void): void {
    this.#client = new CallClient({ write, errorOf: decodeFailure });
    this.#resume();
  }

  /**
   * Takes a frame of a call that has come.
   *
   * @throws {FrameError} when it answers none
   */
  receive(frame: Frame): void {
    this.#client?.receive(frame);
  }

  /** What is asked for is not held back: it is little, and bounded. */
  drain(): void {}

  /** The connection has ended; there may be another one. */
  close(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.failAll(new ConnectionEndedError());
  }

  /** Ends all calls, and those that are made later. */
  failAll(error: DinomoError): void {
    this.#failure ??= error;
    const client = this.#client;
    this.#client = undefined;
    client?.failAll(this.#failure);
    this.#resume();
  }

  /**
   * Asks, once.
   *
   * @param list the keys behind the request
   */
  async *ask(
    request: CallRequest,
    list?: Uint8Array,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array> {
    const content = encodeRequest(request, list);
    const isWaitedFor = !ENDLESS.has(request.op);
    if (isWaitedFor) this.#stay(1);
    try {
      const client = this.#client ?? await this.#connected(options.signal);
      yield* client.call(content, options);
    } finally {
      if (isWaitedFor) this.#stay(-1);
    }
  }

  /**
   * Asks now, once, if that can be sent at once: the answer knows of everything that is sent later.
   */
  askNow(request: CallRequest, options: CallOptions): CallItems | undefined {
    const items = this.#client?.call(encodeRequest(request), options);
    if (items?.start()) return items;
    void items?.return?.();
    return undefined;
  }

  /** Asks, once, for what is answered by one item of data. */
  async askOnce(request: CallRequest, signal?: AbortSignal): Promise<unknown> {
    for await (const item of this.ask(request, undefined, { signal })) return decodeTagged(item);
    return undefined;
  }

  /** Reads: asks, and asks again when the connection ends in between; resolves to all items. */
  async read(request: CallRequest, list?: Uint8Array, signal?: AbortSignal): Promise<Uint8Array[]> {
    for (;;) {
      try {
        const items: Uint8Array[] = [];
        for await (const item of this.ask(request, list, { signal })) items.push(item);
        return items;
      } catch (error) {
        if (!(error instanceof ConnectionEndedError)) throw error;
      }
    }
  }

  /** The same for what is answered by one item of data. */
  async readOnce(request: CallRequest, signal?: AbortSignal): Promise<unknown> {
    const [item] = await this.read(request, undefined, signal);
    return item && decodeTagged(item);
  }

  /** Resolves when there is no call that is waited for. */
  whenIdle(): Promise<void> {
    if (this.#waitedCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** The process waits for calls that are waited for. */
  #stay(change: 1 | -1): void {
    this.#waitedCount += change;
    if (this.#waitedCount > 0) {
      this.#keepAlive ??= startTimer(() => {}, KEEP_ALIVE_MS, { isRepeated: true });
      return;
    }
    this.#keepAlive?.stop();
    this.#keepAlive = undefined;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  async #connected(signal: AbortSignal | undefined): Promise<CallClient> {
    while (this.#client === undefined) {
      signal?.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#waiting.size >= CALLS_MAX) throw tooMany();
      await this.#change(signal);
    }
    return this.#client;
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#waiting.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      this.#waiting.add(end);
      signal?.addEventListener("abort", end);
    });
  }

  #resume(): void {
    for (const resume of [...this.#waiting]) resume();
  }
}

function tooMany(): UnavailableError {
  return new UnavailableError(
    `at most ${CALLS_MAX} calls may wait for a process to have the pool open, got one more; ` +
      "nothing was asked for",
  );
}
