/**
 * A worker thread that measures something when it is told to: the side of the thread that tells it.
 *
 * @module
 */
import { once } from "node:events";
import { type Transferable, Worker } from "node:worker_threads";
import type { Answer, Call } from "./served_thread.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** The URL of a module of this folder, as the runtime runs it. */
export function moduleUrl(name: string): URL {
  return new URL(`./${name}.${EXTENSION}`, import.meta.url);
}

export class BenchThread {
  readonly #worker: Worker;
  readonly #exited: Promise<unknown>;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#exited = once(worker, "exit");
  }

  /** Starts a thread, and waits until it takes calls. */
  static async start(module: URL, workerData: unknown): Promise<BenchThread> {
    const thread = new BenchThread(new Worker(module, { workerData }));
    await thread.#answer();
    return thread;
  }

  /** Calls a function of the thread; one call at a time. */
  async call<Result>(
    name: string,
    argument?: unknown,
    transfer: Transferable[] = [],
  ): Promise<Result> {
    const call: Call = { name, argument };
    this.#worker.postMessage(call, transfer);
    return await this.#answer() as Result;
  }

  /** Ends the thread, which has closed what it had opened. */
  async end(): Promise<void> {
    await this.call("end");
    await this.#exited;
  }

  /** Rejects also when the thread fails: its error event does it. */
  async #answer(): Promise<unknown> {
    const [answer] = await once(this.#worker, "message") as [Answer];
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }
}
