/**
 * A store whose pool is asked by calls, as from another process; the connection may end at any
 * time, and another one is made.
 *
 * @module
 */
import type { Key } from "../../lib/core/key_encoder.ts";
import { keyOf } from "../../lib/core/key_encoder.ts";
import { answerCalls, type CalledPoolOptions } from "../../lib/remote/calls/called_pool.ts";
import { RemoteCalls } from "../../lib/remote/remote_calls.ts";
import type { RemoteScanParts, ScanItems } from "../../lib/remote/calls/remote_scan.ts";
import { scanRemotely } from "../../lib/remote/calls/remote_scan.ts";
import { RemoteWatches } from "../../lib/remote/calls/remote_watches.ts";
import { encodeFailure } from "../../lib/gateway/carried_errors.ts";
import type { StoreHandle } from "../../lib/store/parts/handle.ts";
import { StoreLifetime } from "../../lib/store/parts/lifetime.ts";
import { LocalPool } from "../../lib/store/local_pool.ts";
import { rangeOf } from "../../lib/store/arguments/key_range.ts";
import type { IterationOptions } from "../../lib/store/arguments/method_options.ts";
import { CallServer } from "../../lib/wire/call_server.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import { attachClient, type AttachedClient } from "./attached_client.ts";
import { BytePipe, type TestAnswer } from "./call_pair.ts";
import type { Random } from "./random.ts";

/** The two sides of calls to a pool. */
export class CalledStore {
  readonly calls = new RemoteCalls();
  readonly watches: RemoteWatches;
  readonly host: AttachedClient;
  readonly lifetime: StoreLifetime;
  readonly isOrdered: boolean;
  readonly #random: Random;
  readonly #answer: TestAnswer;
  #server: CallServer | undefined;

  private constructor(
    host: AttachedClient,
    handle: StoreHandle<Uint8Array, Key>,
    random: Random,
    isOrdered: boolean,
    askHost: CalledPoolOptions["askHost"],
  ) {
    const { pool, reader, clientId } = host;
    this.host = host;
    this.#random = random;
    this.isOrdered = isOrdered;
    const local = new LocalPool({ pool, reader, clientId, cache: undefined, handle });
    this.lifetime = new StoreLifetime(local);
    const watches = local.makeWatches(this.lifetime);
    this.#answer = answerCalls({ direct: { pool, reader }, watches, askHost });
    this.watches = new RemoteWatches(this.calls, this.lifetime);
  }

  /** Connects to a store. */
  static async connect(
    handle: StoreHandle<Uint8Array, Key>,
    random: Random,
    isOrdered = false,
    askHost: CalledPoolOptions["askHost"] = noHost,
  ): Promise<CalledStore> {
    const host = await attachClient(handle);
    const store = new CalledStore(host, handle, random, isOrdered, askHost);
    store.reconnect();
    return store;
  }

  /** Ends the connection, with what is on its way, and makes another one. */
  reconnect(): void {
    this.disconnect();
    const requests = new FrameReader(2 ** 24);
    const answers = new FrameReader(2 ** 24);
    let isOpen = true;
    const toServer = new BytePipe(this.#random, (bytes) => {
      if (!isOpen) return;
      for (const frame of requests.read(bytes)) server.receive(frame);
    }, () => {});
    const toClient = new BytePipe(this.#random, (bytes) => {
      isOpen &&= this.#server === server;
      if (!isOpen) return;
      for (const frame of answers.read(bytes)) this.calls.receive(frame);
    }, () => server.drain());
    const server: CallServer = this.#server = new CallServer({
      answer: this.#answer,
      failureOf: encodeFailure,
      write: (bytes) => toClient.write(bytes),
    });
    this.calls.connect((bytes) => void toServer.write(bytes));
  }

  /** Ends the connection, with what is on its way. */
  disconnect(): void {
    this.#server?.close();
    this.#server = undefined;
    this.calls.close();
  }

  /** What an iteration uses of a thread that changes nothing. */
  scanParts(changes: Partial<RemoteScanParts> = {}): RemoteScanParts {
    const client = { pendingCount: 0, changeCount: 0, whenIssuedEnded: () => Promise.resolve() };
    return {
      calls: this.calls,
      client: client as RemoteScanParts["client"],
      queues: { count: 0 } as RemoteScanParts["queues"],
      lifetime: this.lifetime,
      rangeOf: (options) => rangeOf(options, new Uint8Array(0), this.isOrdered),
      keyOf,
      ...changes,
    };
  }

  /** Iterates over keys and the bytes of their values. */
  entries(options?: IterationOptions): AsyncGenerator<[Key, Uint8Array]> {
    const items: ScanItems<[Key, Uint8Array]> = {
      withValues: true,
      make: (key, { value }) => [key, value!.slice()],
      read: () => Promise.reject(new Error("nothing was changed by this thread")),
    };
    return scanRemotely(() => this.scanParts(), options, items);
  }

  async close(): Promise<void> {
    this.disconnect();
    await this.host.close();
  }
}

function noHost(): AsyncIterable<Uint8Array> {
  throw new Error("there is no host to ask");
}
