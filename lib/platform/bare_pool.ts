/**
 * Threads that run tasks, by the means of the runtime alone: where Piscina cannot start its own.
 *
 * A thread is a `data:` URL: it imports the module that runs tasks, wherever that is, says that it
 * is ready, and answers each task that it is sent. It has one at a time.
 *
 * @module
 */
import type { Worker } from "node:worker_threads";
import { builtin } from "./builtin.ts";
import { startTimer, type Timer } from "./runtime.ts";
import { settlesWithin } from "./settles_within.ts";
import { StartingPool } from "./starting_pool.ts";
import {
  END_MS_MAX,
  type TaskThreadsOptions,
  type ThreadStartError,
  type WaitingTask,
} from "./task_pool.ts";
import { moduleUrlOf, textUrl } from "./worker_loader.ts";
import { assertThreadFits, workerOptions } from "./worker_options.ts";

/** What a thread says of itself, and of a task. */
type Message<Result> = "ready" | { readonly result: Result } | { readonly error: unknown };

/** What every thread runs: text, since it has to be where no file is. */
const THREAD_TEXT = `
import { parentPort, workerData } from "node:worker_threads";
const { default: run } = await import(workerData);
parentPort.on("message", async (task) => {
  try {
    parentPort.postMessage({ result: await run(task) });
  } catch (error) {
    parentPort.postMessage({ error });
  }
});
parentPort.postMessage("ready");`;

/** A thread of the pool. */
interface PoolThread<Task, Result> {
  readonly worker: Worker;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  isReady: boolean;
  /** Why it ends, if it has said so. */
  error: unknown;
  /** What it does. */
  task: WaitingTask<Task, Result> | undefined;
  /** Runs while it has nothing to do. */
  idle: Timer | undefined;
}

/** Some threads, until one could not be started. */
export class BarePool<Task, Result> extends StartingPool<Task, Result> {
  readonly #options: TaskThreadsOptions;
  readonly #threads = new Set<PoolThread<Task, Result>>();

  /** Makes a pool; starts no thread. */
  constructor(options: TaskThreadsOptions) {
    super(options);
    this.#options = options;
  }

  protected async endThreads(): Promise<void> {
    const threads = [...this.#threads];
    for (const thread of threads) this.#dismiss(thread);
    const ended = Promise.all(threads.map(({ ended }) => ended));
    if (await settlesWithin(ended, END_MS_MAX)) return;
    for (const { worker } of threads) void worker.terminate();
  }

  protected handOver(): void {
    const threads = [...this.#threads];
    for (const thread of threads) {
      if (thread.isReady && thread.task === undefined) this.#give(thread, this.waiting.shift());
    }
    const isStarting = threads.some(({ isReady }) => !isReady);
    if (this.waiting.length > 0 && !isStarting && threads.length < this.threadsMax) this.#start();
  }

  protected get mustStart(): boolean {
    return this.waiting.length > 0 && ![...this.#threads].some(({ isReady }) => isReady);
  }

  protected get threadCount(): number {
    return this.#threads.size;
  }

  #give(thread: PoolThread<Task, Result>, waiting: WaitingTask<Task, Result> | undefined): void {
    thread.task = waiting;
    if (waiting === undefined) {
      const ms = this.#options.idleTimeoutMs;
      thread.idle ??= startTimer(() => this.#dismiss(thread), ms, { keepsAlive: false });
      thread.worker.unref();
      return;
    }
    thread.idle?.stop();
    thread.idle = undefined;
    thread.worker.ref();
    thread.worker.postMessage(waiting.task);
  }

  /** Starts a thread; if there is no room for it, those that there are do what they can. */
  #start(): void {
    let worker: Worker;
    try {
      assertThreadFits();
      worker = new (builtin("node:worker_threads").Worker)(textUrl(THREAD_TEXT), {
        ...workerOptions(),
        workerData: moduleUrlOf(this.#options.workerCode).href,
      });
    } catch (error) {
      this.lastError = error;
      this.threadsMax = this.#threads.size;
      return;
    }
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const thread: PoolThread<Task, Result> = {
      worker,
      ended,
      isReady: false,
      error: undefined,
      task: undefined,
      idle: undefined,
    };
    this.#threads.add(thread);
    worker.on("error", (error) => thread.error = error);
    worker.on("exit", (code) => this.#hearEnd(thread, code));
    worker.on("message", (message: Message<Result>) => this.#hear(thread, message));
  }

  #hear(thread: PoolThread<Task, Result>, message: Message<Result>): void {
    const { task } = thread;
    thread.task = undefined;
    if (message === "ready") thread.isReady = true;
    else if ("result" in message) task?.resolve(message.result);
    else task?.reject(message.error);
    this.look();
  }

  #hearEnd(thread: PoolThread<Task, Result>, code: number): void {
    thread.idle?.stop();
    this.#threads.delete(thread);
    // Another one would hardly fare better: those that there are do what they can.
    if (!thread.isReady) this.threadsMax = this.#threads.size;
    this.lastError = thread.error ?? new Error(`a thread has ended with exit code ${code}`);
    thread.task?.reject(this.lastError);
    this.look();
  }

  /** Ends a thread that is ready; one that still loads its modules would take the process along. */
  #dismiss(thread: PoolThread<Task, Result>): void {
    thread.idle?.stop();
    const { worker } = thread;
    if (thread.isReady) void worker.terminate();
    else worker.once("message", () => void worker.terminate());
    this.#threads.delete(thread);
  }

  protected giveUp(error: ThreadStartError): void {
    for (const { worker, task } of this.#threads) {
      task?.reject(error);
      void worker.terminate();
    }
  }
}
