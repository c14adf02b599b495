/**
 * Commands at the socket of a gateway: what they ask for is answered by its thread, which no code
 * of the application blocks.
 *
 * It has a store of its own for them, attached when the first command needs it, which takes a place
 * among the `clients` until the gateway ends. Values of an application's own codec are bytes in it,
 * as in a dump, so nothing is put into such a pool.
 *
 * @module
 */
import type { Socket } from "node:net";
import { decodeTagged } from "../codec/tagged_bytes.ts";
import { StoreClosedError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { LIVE_HOST_MS_MAX } from "../core/limits.ts";
import type { SharedOptions } from "../gateway/handshake.ts";
import { answerFrom } from "../live/live_answers.ts";
import { LiveConnections } from "../live/live_connections.ts";
import { startTimer } from "../platform/runtime.ts";
import { checkHandle, type StoreHandle } from "../store/parts/handle.ts";
import type { Store } from "../store/store.ts";
import type { CallClient } from "../wire/call_client.ts";
import type { Frame } from "../wire/frame.ts";
import { encodeRequest } from "./calls/call_requests.ts";

/** For whom commands are answered. */
export interface GatewayCommandsOptions {
  readonly handle: StoreHandle;
  /** Absolute path of the pool's directory. */
  readonly path: string;
  readonly shared: SharedOptions;
  /** Asks the thread that has opened the pool. */
  readonly hostCalls: CallClient;
}

/** Answers commands. */
export class GatewayCommands {
  readonly #options: GatewayCommandsOptions;
  readonly #connections: LiveConnections;
  #store: Promise<Store<unknown, Key>> | undefined;
  #isOpen = true;

  /** Answers by one store. */
  constructor(options: GatewayCommandsOptions) {
    this.#options = options;
    const { path, shared: { keys, codec } } = options;
    this.#connections = new LiveConnections(answerFrom({
      path,
      keys,
      codec,
      isWritable: codec !== "custom",
      useStore: () => this.#useStore(),
      readStats: () => this.#readStats(),
    }));
  }

  /**
   * Takes a connection with its first frame.
   *
   * @throws {FrameError} when that is no request of a command
   */
  take(socket: Socket, first: Frame): void {
    this.#connections.take(socket)?.take(first);
  }

  /** Ends all connections, and gives the place back. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#connections.close();
    const store = await this.#store?.catch(() => undefined);
    await store?.close();
  }

  /** Attaches it; what has failed is tried again by the next request. */
  async #useStore(): Promise<Store<unknown, Key>> {
    if (!this.#isOpen) throw new StoreClosedError("the store must be open, and is being closed");
    this.#store ??= attachToRead(this.#options.handle);
    try {
      return await this.#store;
    } catch (error) {
      this.#store = undefined;
      throw error;
    }
  }

  /** Those of the thread that has opened the pool; while it is blocked, those that all can see. */
  async #readStats(): Promise<object> {
    const ended = new AbortController();
    const timer = startTimer(() => ended.abort(), LIVE_HOST_MS_MAX);
    const { signal } = ended;
    try {
      const call = this.#options.hostCalls.call(encodeRequest({ op: "stats" }), { signal });
      for await (const item of call) return decodeTagged(item) as object;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      timer.stop();
    }
    return (await this.#useStore()).stats();
  }
}

async function attachToRead(handle: StoreHandle): Promise<Store<unknown, Key>> {
  const { attachStore } = await import("../store/attach_store.ts");
  const shared = checkHandle(handle);
  const codec = shared.codec === "custom" ? "binary" : shared.codec;
  return await attachStore<unknown, Key>({ ...shared, codec } as StoreHandle<unknown, Key>, {});
}
