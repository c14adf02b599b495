/**
 * A thread that is attached to a store, as a test sees it.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import type { StoreHandle } from "../../mod.ts";

/** What such a thread can be told to do. */
export type ThreadOrder =
  & { readonly number: number }
  & (
    | { readonly kind: "attach"; readonly handle: StoreHandle }
    | { readonly kind: "call"; readonly method: string; readonly args: readonly unknown[] }
    | { readonly kind: "leave"; readonly how: "throw" | "exit"; readonly unanswered: number }
    | { readonly kind: "die-helping"; readonly accesses: number }
    | { readonly kind: "stall-helping"; readonly accesses: number; readonly durationMs: number }
    | { readonly kind: "loop" }
  );

type OrderWithoutNumber = ThreadOrder extends infer Order
  ? Order extends ThreadOrder ? Omit<Order, "number"> : never
  : never;

interface Answer {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly code?: string;
}

/** An error that a thread has reported. */
export class ThreadError extends Error {
  /** The code of a `DinomoError`. */
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** A worker thread with a store of its own. */
export class AttachedThread {
  /** Resolves when the thread has ended. */
  readonly ended: Promise<number>;
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (reason: unknown) => void }
  >();
  #count = 0;

  private constructor(handle: StoreHandle | undefined) {
    const url = new URL(`./workers/attached_client.${EXTENSION}`, import.meta.url);
    this.#worker = new Worker(url, { workerData: { handle } });
    this.#worker.on("message", (answer: Answer) => this.#take(answer));
    // Listened to, or a thread that is to throw would end this one, too.
    this.#worker.on("error", () => {});
    this.ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.ended.then((code) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new ThreadError(`the thread has ended with code ${code}`, undefined));
      }
    });
  }

  /** Starts a thread; with a handle it is attached when this resolves. */
  static async start(handle?: StoreHandle): Promise<AttachedThread> {
    const thread = new AttachedThread(handle);
    await thread.#answer(0);
    return thread;
  }

  /** Calls a method of the thread's store. */
  call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.order({ kind: "call", method, args });
  }

  /** Tells the thread to do something. */
  order(order: OrderWithoutNumber): Promise<unknown> {
    const number = ++this.#count;
    const answer = this.#answer(number);
    this.#worker.postMessage({ ...order, number });
    return answer;
  }

  /** Tells the thread to end, with operations under way. */
  async leave(how: "throw" | "exit", unanswered: number): Promise<void> {
    this.order({ kind: "leave", how, unanswered }).catch(() => {});
    await this.ended;
  }

  /** Ends the thread by force. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }

  #take({ number, result, error, code }: Answer): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new ThreadError(error, code));
  }
}
