/**
 * The called end of the calls of one connection: answers several at a time.
 *
 * The other end is not believed. What breaks a rule is a `FrameError`, after which the connection
 * is to be ended; nothing that was asked for in that frame is done.
 *
 * Bounds. There are {@linkcode CALLS_MAX} calls at a time, whose caller takes
 * {@linkcode CALL_CREDITS_MAX} bytes of items at most. The next item of a call is made when the one
 * before has been written, there is credit for it, and the connection takes bytes: so each call has
 * one item in memory that the connection has not taken, and a slow caller has nothing made for it.
 *
 * @module
 */
import { CALL_BYTES_MAX, CALL_CREDITS_MAX, CALLS_MAX } from "../core/limits.ts";
import { CallFrame, type CallMessage, costOf, decodeCall, encodeCall } from "./call_frames.ts";
import { type Frame, FrameError } from "./frame.ts";

/** What answers calls. */
export interface CallServerOptions {
  /**
   * Answers a call by items. What is done in this call itself is done before anything that comes
   * later on the connection; all of it ends early when the signal is aborted.
   */
  readonly answer: (content: Uint8Array, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** What is sent of an error. */
  readonly failureOf: (error: unknown) => Uint8Array;
  /** Sends bytes; false if {@linkcode CallServer.drain} will be called when more can be sent. */
  readonly write: (bytes: Uint8Array) => boolean;
}

/** A call that has not ended. */
class AnsweredCall {
  readonly number: number;
  readonly end: AbortController = new AbortController();
  credit: number;
  /** Lets the call go on that waits for credit, or for room. */
  resume = (): void => {};

  constructor(number: number, credit: number) {
    this.number = number;
    this.credit = credit;
  }
}

/** Answers the calls of one connection. */
export class CallServer {
  readonly #options: CallServerOptions;
  readonly #calls = new Map<number, AnsweredCall>();
  /** What callers take at the most, in bytes. */
  #credits = 0;
  #lastNumber = 0;
  #canWrite = true;
  #isOpen = true;

  /** Answers what comes on a connection on which nothing has come. */
  constructor(options: CallServerOptions) {
    this.#options = options;
  }

  /** How many calls have not ended. */
  get callCount(): number {
    return this.#calls.size;
  }

  /**
   * Takes a frame that has come.
   *
   * @throws {FrameError} when it is not what it must be: the connection is to be closed
   */
  receive(frame: Frame): void {
    if (!this.#isOpen) return;
    const message = decodeCall(frame);
    const { kind, number } = message;
    if (kind === CallFrame.CALL) return this.#begin(message);
    if (kind !== CallFrame.CANCEL && kind !== CallFrame.CREDIT) {
      throw new FrameError("a frame must be one to the called side");
    }
    if (number === 0 || number > this.#lastNumber) {
      throw new FrameError(`a call must have begun before, got ${number}`);
    }
    const call = this.#calls.get(number);
    // The caller may not know yet that it has ended.
    if (call === undefined) return;
    if (kind === CallFrame.CREDIT) this.#grant(call, message.credit);
    else this.#cancel(call);
  }

  /** More can be written. */
  drain(): void {
    this.#canWrite = true;
    for (const call of [...this.#calls.values()]) call.resume();
  }

  /** Ends all calls, and answers nothing any more. */
  close(): void {
    this.#isOpen = false;
    for (const call of [...this.#calls.values()]) this.#cancel(call);
    this.#calls.clear();
  }

  #begin({ number, credit, content }: CallMessage): void {
    if (number !== this.#lastNumber + 1) {
      throw new FrameError(`a call must have number ${this.#lastNumber + 1}, got ${number}`);
    }
    if (content.length > CALL_BYTES_MAX) {
      throw new FrameError(`a call must have at most ${CALL_BYTES_MAX} bytes`);
    }
    if (this.#calls.size >= CALLS_MAX) {
      throw new FrameError(`a connection must have at most ${CALLS_MAX} calls at a time`);
    }
    this.#lastNumber = number;
    const call = new AnsweredCall(number, 0);
    this.#grant(call, credit);
    this.#calls.set(number, call);
    void this.#answer(call, content);
  }

  #grant(call: AnsweredCall, credit: number): void {
    this.#credits += credit;
    if (this.#credits > CALL_CREDITS_MAX) {
      throw new FrameError(`a connection must take at most ${CALL_CREDITS_MAX} bytes of items`);
    }
    call.credit += credit;
    call.resume();
  }

  #cancel(call: AnsweredCall): void {
    call.end.abort();
    call.resume();
  }

  async #answer(call: AnsweredCall, content: Uint8Array): Promise<void> {
    const { signal } = call.end;
    let items: AsyncIterator<Uint8Array> | undefined;
    let hasEnded = false;
    try {
      items = this.#options.answer(content, signal)[Symbol.asyncIterator]();
      for (;;) {
        while (!signal.aborted && !this.#maySend(call)) await this.#change(call);
        if (signal.aborted) break;
        const next = await orAborted(items.next(), signal);
        hasEnded = next === undefined ? hasEnded : next.done === true;
        if (next === undefined || next.done === true) break;
        // Another call may have filled the connection while this item was made.
        while (!signal.aborted && !this.#canWrite) await this.#change(call);
        if (signal.aborted) break;
        this.#sendItem(call, next.value);
      }
      this.#send(call, encodeCall(CallFrame.END, call.number, 0));
    } catch (error) {
      hasEnded = true;
      this.#send(
        call,
        encodeCall(CallFrame.FAILURE, call.number, 0, this.#options.failureOf(error)),
      );
    }
    // Not awaited: a step that is given up may still be under way.
    if (!hasEnded) void items?.return?.().catch(() => {});
  }

  #maySend(call: AnsweredCall): boolean {
    return this.#canWrite && call.credit > 0;
  }

  #change(call: AnsweredCall): Promise<void> {
    return new Promise((resolve) => call.resume = resolve);
  }

  #sendItem(call: AnsweredCall, item: Uint8Array): void {
    const cost = costOf(item);
    call.credit -= cost;
    this.#credits -= cost;
    this.#write(encodeCall(CallFrame.ITEM, call.number, 0, item));
  }

  /** Sends the last frame of a call. */
  #send(call: AnsweredCall, bytes: Uint8Array): void {
    this.#credits -= call.credit;
    if (this.#calls.delete(call.number)) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    if (this.#isOpen) this.#canWrite = this.#options.write(bytes) && this.#canWrite;
  }
}

/** What a promise resolves to; undefined if the signal is aborted first. */
function orAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    signal.addEventListener("abort", stop);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
