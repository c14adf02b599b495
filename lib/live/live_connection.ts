/**
 * One connection to the socket of an open store, at the host's end.
 *
 * Nothing that comes is believed: bytes that are no request, and a second request before the first
 * one is answered, end the connection, and disturb nothing else. What is sent waits until the other
 * side has taken what was sent before, so of each connection there is one frame in memory at most.
 *
 * @module
 */
import type { Socket } from "node:net";
import { isDinomoError } from "../core/any_error.ts";
import { LIVE_ANSWER_BYTES_MAX, LIVE_IDLE_MS_MAX, LIVE_REQUEST_BYTES_MAX } from "../core/limits.ts";
import { decodeMessage, encodeMessage } from "../gateway/json_frames.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { type Frame, FrameError, FrameReader } from "../wire/frame.ts";
import { type LiveFailure, type LiveRequest, MessageKind } from "./live_messages.ts";

/** Answers a request by items; ends early when the signal is aborted. */
export type Answer = (request: LiveRequest, signal: AbortSignal) => AsyncIterable<unknown>;

/** What the last frame says of a store that is closed in good order. */
const FAREWELL: LiveFailure = {
  name: "StoreClosedError",
  code: "DINOMO_CLOSED",
  message: "the store must be open, and is being closed",
};

/** A connection, as long as it is open. */
export class LiveConnection {
  readonly #socket: Socket;
  readonly #answer: Answer;
  readonly #frames = new FrameReader(LIVE_REQUEST_BYTES_MAX);
  readonly #ended = new AbortController();
  #isAnswering = false;
  #isSending = false;
  /** When anything came or was taken last. */
  #activeMs = monotonicMs();

  /** Answers what comes; `onClosed` is called once, at the end. */
  constructor(socket: Socket, answer: Answer, onClosed: () => void) {
    this.#socket = socket;
    this.#answer = answer;
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#ended.abort();
      onClosed();
    });
    socket.on("data", (bytes) => this.#receive(bytes));
  }

  /**
   * Answers a request that has come.
   *
   * @throws {FrameError} when it is none, or comes too early
   */
  take(frame: Frame): void {
    if (frame.kind !== MessageKind.REQUEST || this.#isAnswering) {
      throw new FrameError("a frame must be a request, after the end of the one before");
    }
    const request = requestOf(decodeMessage(frame));
    this.#isAnswering = true;
    void this.#respond(request);
  }

  /**
   * Says that the store is being closed, in place of what is still to be answered, or before the
   * next request; resolves when that has been sent, which the other side may hold up.
   */
  async sayFarewell(): Promise<void> {
    this.#ended.abort();
    const bytes = encodeMessage(MessageKind.FAILURE, FAREWELL);
    await new Promise<void>((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.end(bytes, resolve);
    });
  }

  /** Ends it. */
  close(): void {
    this.#ended.abort();
    this.#socket.destroy();
  }

  /** Ends it if the other side owes something, and has done nothing for long. */
  closeIfIdle(nowMs: number): void {
    // A watch may have nothing to say for any time.
    if (this.#isAnswering && !this.#isSending) return;
    if (nowMs - this.#activeMs > LIVE_IDLE_MS_MAX) this.close();
  }

  #receive(bytes: Uint8Array): void {
    this.#activeMs = monotonicMs();
    try {
      for (const frame of this.#frames.read(bytes)) this.take(frame);
    } catch {
      // The other side speaks another language.
      this.close();
    }
  }

  async #respond(request: LiveRequest): Promise<void> {
    const { signal } = this.#ended;
    try {
      for await (const item of this.#answer(request, signal)) {
        await this.#send(MessageKind.ITEM, item);
        if (signal.aborted) return;
      }
      this.#isAnswering = false;
      await this.#send(MessageKind.END, null);
    } catch (error) {
      this.#isAnswering = false;
      if (signal.aborted) return;
      await this.#send(MessageKind.FAILURE, failureOf(error)).catch(() => this.close());
    }
  }

  /** Resolves when the other side has taken it, or the connection has ended. */
  async #send(kind: number, content: unknown): Promise<void> {
    const bytes = encodeMessage(kind, content);
    if (bytes.length > LIVE_ANSWER_BYTES_MAX) {
      throw new FrameError(
        `an answer must have at most ${LIVE_ANSWER_BYTES_MAX} bytes, got ${bytes.length}`,
      );
    }
    const { signal } = this.#ended;
    if (signal.aborted) return;
    this.#isSending = true;
    this.#activeMs = monotonicMs();
    await new Promise<void>((resolve) => {
      const end = () => {
        signal.removeEventListener("abort", end);
        resolve();
      };
      signal.addEventListener("abort", end);
      this.#socket.write(bytes, end);
    });
    this.#isSending = false;
    this.#activeMs = monotonicMs();
  }
}

function requestOf(content: unknown): LiveRequest {
  if (typeof content === "object" && content !== null && "op" in content) {
    return content as LiveRequest;
  }
  throw new FrameError("a request must say what it asks for");
}

function failureOf(error: unknown): LiveFailure {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { name, code: isDinomoError(error) ? error.code : "", message };
}
