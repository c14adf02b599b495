/**
 * The way of a store to the process that has its pool open: one connection after the other, as
 * processes end and others take their places.
 *
 * While there is no connection, what is issued is held. If this process gets the lock, it opens the
 * pool as any host does, and connects to itself like everybody else: a store stays what it is for
 * its life.
 *
 * @module
 */
import { isDinomoError } from "../core/any_error.ts";
import { type DinomoError, UnavailableError } from "../core/errors.ts";
import type { CallEnd, WriteFrame } from "../gateway/call_end.ts";
import type { Welcome } from "../gateway/handshake.ts";
import type { HostConnection } from "../gateway/host_connection.ts";
import type { RemoteClient } from "../gateway/remote_client.ts";
import { isCallFrame, RequestFrame } from "../gateway/request_frames.ts";
import { FrameError } from "../wire/frame.ts";
import { findHost, type HostSearch } from "./find_host.ts";

/** A store that has the pool open, in this process. */
export interface OwnHost {
  /** Whether it can be used. */
  isOpen(): boolean;
  close(): Promise<void>;
}

/** What a link is made of. */
export interface HostLinkOptions {
  readonly search: Pick<HostSearch<OwnHost>, "directory" | "hello" | "open">;
  readonly client: RemoteClient;
  readonly calls: CallEnd & { connect(write: WriteFrame): void };
  /** Called when there is another connection. */
  readonly onConnected: () => void;
  /** Called when it is closed. */
  readonly onClosing: () => void;
  /** Called when there can be none any more. */
  readonly onLost: (error: DinomoError) => void;
}

/** Connects a store's client and its calls, again and again. */
export class HostLink {
  readonly #options: HostLinkOptions;
  readonly #welcome: Welcome;
  readonly #ended = new AbortController();
  #connection: HostConnection | undefined;
  /** The pool's host, if it is this process that has taken the place of another one. */
  #host: OwnHost | undefined;
  #seeking: Promise<void> | undefined;

  /** Begins with a connection. */
  constructor(options: HostLinkOptions, first: HostConnection) {
    this.#options = options;
    this.#welcome = first.welcome;
    this.#open(first);
  }

  /** Ends the connection, and the host if it is here. */
  async close(): Promise<void> {
    this.#ended.abort();
    this.#options.onClosing();
    await this.#connection?.finish();
    await this.#seeking?.catch(() => {});
    await this.#host?.close();
  }

  #open(connection: HostConnection): void {
    const { client, calls } = this.#options;
    this.#connection = connection;
    connection.open({
      onFrame: (frame) => {
        if (frame.kind === RequestFrame.ANSWERS) client.carrier.receive(frame.body);
        else if (isCallFrame(frame.kind)) calls.receive(frame);
        else throw new FrameError(`a frame must be one that is due, got kind ${frame.kind}`);
      },
      onDrain: () => calls.drain(),
      onEnd: () => this.#lose(connection),
    });
    if (!connection.isOpen) return;
    const write = (bytes: Uint8Array) => connection.write(bytes);
    calls.connect(write);
    const { session, verdicts } = connection.welcome;
    client.carrier.connect({ session, write, line: connection }, verdicts);
  }

  #lose(connection: HostConnection): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    const { client, calls, onLost } = this.#options;
    client.carrier.disconnect();
    calls.close();
    if (this.#ended.signal.aborted) return;
    this.#seeking = this.#seek().catch((error) => {
      if (this.#ended.signal.aborted) return;
      onLost(isDinomoError(error) ? error as DinomoError : lost(error));
    });
  }

  async #seek(): Promise<void> {
    const { search, onConnected } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      if (this.#host?.isOpen() === false) {
        await this.#host.close().catch(() => {});
        this.#host = undefined;
      }
      const { connection, host } = await findHost({ ...search, signal, isOpening: false });
      if (host !== undefined) {
        this.#host = host;
        if (signal.aborted) return;
        continue;
      }
      if (signal.aborted) return connection.close();
      assertSamePool(connection.welcome, this.#welcome);
      this.#open(connection);
      return onConnected();
    }
  }
}

/** The pool may have been replaced while no process had it open. */
function assertSamePool(found: Welcome, known: Welcome): void {
  const isSame = found.segmentBytes === known.segmentBytes &&
    found.hashKey[0] === known.hashKey[0] && found.hashKey[1] === known.hashKey[1];
  if (isSame) return;
  throw new UnavailableError(
    "the pool at path must be the one that was opened, and another one is there: open it again",
  );
}

function lost(cause: unknown): UnavailableError {
  return new UnavailableError(`the pool cannot be reached any more: ${String(cause)}`);
}
