/**
 * The calling end of the calls of one connection: several at a time.
 *
 * Each is an iterator over the items that answer it. Nothing is sent before the first call of
 * `next`. It ends with the items, with the failure that the other side sends, with the end of the
 * connection, when its signal is aborted, or when it is returned from; in the last two cases the
 * other side is told to stop.
 *
 * Bounds. What has come and was not taken of a call is no more than its credit and one item. Calls
 * for which there is no place, or no credit, wait until others have ended.
 *
 * @module
 */
import { CALL_CREDIT_BYTES, CALL_CREDITS_MAX, CALLS_MAX } from "../core/limits.ts";
import { CallFrame, costOf, decodeCall, encodeCall } from "./call_frames.ts";
import { type Frame, FrameError } from "./frame.ts";

/** What makes calls. */
export interface CallClientOptions {
  /** Sends bytes. */
  readonly write: (bytes: Uint8Array) => void;
  /**
   * The error that the other side has sent.
   *
   * @throws {FrameError} when it is none
   */
  readonly errorOf: (content: Uint8Array) => Error;
}

/** How a call is made. */
export interface CallOptions {
  /** Ends the call; it fails with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of items that may come and wait. */
  readonly creditBytes?: number | undefined;
}

type Step = IteratorResult<Uint8Array, undefined>;

/** The items that answer a call. */
export interface CallItems extends AsyncIterableIterator<Uint8Array> {
  /** Begins before the first `next`; returns whether the call has been sent. */
  start(): boolean;
}

/** Makes the calls of one connection. */
export class CallClient {
  readonly #options: CallClientOptions;
  /** Calls that the other side has not ended, those among them that nobody waits for included. */
  readonly #calls = new Map<number, Call>();
  /** Calls that have no place yet. */
  readonly #waiting = new Set<Call>();
  /** What the calls of the other side may have on their way. */
  #creditBytes = 0;
  #lastNumber = 0;
  #failure: Error | undefined;

  /** Makes calls on a connection on which there was none. */
  constructor(options: CallClientOptions) {
    this.#options = options;
  }

  /** Asks for something; the call begins with the first `next`. */
  call(content: Uint8Array, options: CallOptions = {}): CallItems {
    const { signal, creditBytes = CALL_CREDIT_BYTES } = options;
    return new Call(this, content, creditBytes, signal);
  }

  /**
   * Takes a frame that has come.
   *
   * @throws {FrameError} when it answers no call: the connection is of no use any more
   */
  receive(frame: Frame): void {
    if (this.#failure !== undefined) return;
    const { kind, number, content } = decodeCall(frame);
    const call = this.#calls.get(number);
    const isAnswer = kind === CallFrame.ITEM || kind === CallFrame.END ||
      kind === CallFrame.FAILURE;
    if (!isAnswer || call === undefined) {
      throw new FrameError(`an answer must be to a call that has not ended, got ${number}`);
    }
    if (kind === CallFrame.ITEM) return call.take(content);
    const error = kind === CallFrame.FAILURE ? this.#options.errorOf(content) : undefined;
    this.#calls.delete(number);
    this.#creditBytes -= call.creditBytes;
    call.end(error);
    this.#startWaiting();
  }

  /** Ends all calls, and all that are made later: the connection has ended. */
  failAll(error: Error): void {
    this.#failure ??= error;
    const calls = [...this.#calls.values(), ...this.#waiting];
    this.#calls.clear();
    this.#waiting.clear();
    for (const call of calls) call.end(this.#failure);
  }

  /** Begins a call, now or when there is a place for it. */
  begin(call: Call): void {
    if (this.#failure !== undefined) return call.end(this.#failure);
    this.#waiting.add(call);
    this.#startWaiting();
  }

  /** Takes so many bytes more of a call. */
  grant(call: Call, bytes: number): void {
    if (!this.#isUnderWay(call)) return;
    this.#options.write(encodeCall(CallFrame.CREDIT, call.number, bytes));
  }

  /** Wants nothing more of a call; until the other side has ended it, it keeps its place. */
  cancel(call: Call): void {
    this.#waiting.delete(call);
    if (!this.#isUnderWay(call)) return;
    this.#options.write(encodeCall(CallFrame.CANCEL, call.number, 0));
  }

  #isUnderWay(call: Call): boolean {
    return this.#failure === undefined && this.#calls.get(call.number) === call;
  }

  #startWaiting(): void {
    for (const call of this.#waiting) {
      const creditBytes = this.#creditBytes + call.creditBytes;
      if (this.#calls.size >= CALLS_MAX || creditBytes > CALL_CREDITS_MAX) return;
      this.#waiting.delete(call);
      this.#creditBytes = creditBytes;
      call.number = this.#lastNumber += 1;
      this.#calls.set(call.number, call);
      const { number, content } = call;
      this.#options.write(encodeCall(CallFrame.CALL, number, call.creditBytes, content));
    }
  }
}

/** A call, as its caller sees it. */
class Call implements CallItems {
  /** 0 as long as it has no place. */
  number = 0;
  readonly content: Uint8Array;
  /** What may have come and wait, beside one item. */
  readonly creditBytes: number;
  readonly #client: CallClient;
  readonly #signal: AbortSignal | undefined;
  #state: "new" | "open" | "over" = "new";
  #error: { readonly reason: unknown } | undefined;
  #items: Uint8Array[] = [];
  /** What was taken and not granted again. */
  #takenBytes = 0;
  #steps: { resolve(step: Step): void; reject(reason: unknown): void }[] = [];

  constructor(
    client: CallClient,
    content: Uint8Array,
    creditBytes: number,
    signal: AbortSignal | undefined,
  ) {
    this.#client = client;
    this.content = content;
    this.creditBytes = creditBytes;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  start(): boolean {
    if (this.#state === "new") this.#begin();
    return this.number > 0;
  }

  next(): Promise<Step> {
    return new Promise((resolve, reject) => {
      this.#steps.push({ resolve, reject });
      this.start();
      this.#settle();
    });
  }

  return(): Promise<Step> {
    this.#giveUp(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Takes an item that has come. */
  take(item: Uint8Array): void {
    if (this.#state === "over") return;
    this.#items.push(item);
    this.#settle();
  }

  /** The other side has ended it; what has come is still taken. */
  end(error: Error | undefined): void {
    if (this.#state === "over") return;
    this.#state = "over";
    if (error !== undefined) this.#error = { reason: error };
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#settle();
  }

  #begin(): void {
    if (this.#signal?.aborted) return this.#giveUp({ reason: this.#signal.reason });
    this.#state = "open";
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#client.begin(this);
  }

  readonly #onAbort = (): void => this.#giveUp({ reason: this.#signal!.reason });

  /** Ends it at once; nothing more is wanted. */
  #giveUp(error: { readonly reason: unknown } | undefined): void {
    const wasOpen = this.#state === "open";
    this.#state = "over";
    this.#error = error;
    this.#items = [];
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (wasOpen) this.#client.cancel(this);
    this.#settle();
  }

  #settle(): void {
    while (this.#steps.length > 0) {
      const item = this.#items.shift();
      if (item === undefined && this.#state !== "over") return;
      const { resolve, reject } = this.#steps.shift()!;
      const error = this.#error;
      if (item !== undefined) {
        this.#grantFor(item);
        resolve({ done: false, value: item });
      } else if (error !== undefined) {
        this.#error = undefined;
        reject(error.reason);
      } else resolve({ done: true, value: undefined });
    }
  }

  #grantFor(item: Uint8Array): void {
    this.#takenBytes += costOf(item);
    if (2 * this.#takenBytes < this.creditBytes) return;
    this.#client.grant(this, this.#takenBytes);
    this.#takenBytes = 0;
  }
}
