/**
 * Threads that run tasks, by Piscina.
 *
 * Piscina says nothing of a task that waits for a thread which never comes: one whose module cannot
 * be loaded, or that ends, or hangs, before it is ready. Here each task ends (starting_pool.ts).
 *
 * @module
 */
import type { Piscina } from "piscina";
import { runMicrotask, runNextTurn } from "./runtime.ts";
import { settlesWithin } from "./settles_within.ts";
import { StartingPool } from "./starting_pool.ts";
import {
  END_MS_MAX,
  type TaskThreadsOptions,
  type ThreadStartError,
  type WaitingTask,
} from "./task_pool.ts";
import { moduleUrlOf } from "./worker_loader.ts";
import { assertThreadFits, workerOptions } from "./worker_options.ts";

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;
type TaskQueue = NonNullable<PiscinaOptions["taskQueue"]>;
type QueuedTask = Parameters<TaskQueue["push"]>[0];

/**
 * Piscina's queue, from which the last task can be taken back. It holds one at most: that of the
 * thread that is being started.
 */
class OneTaskQueue implements TaskQueue {
  readonly #tasks: QueuedTask[] = [];

  get size(): number {
    return this.#tasks.length;
  }

  push(task: QueuedTask): void {
    this.#tasks.push(task);
  }

  shift(): QueuedTask | null {
    return this.#tasks.shift() ?? null;
  }

  remove(task: QueuedTask): void {
    const at = this.#tasks.indexOf(task);
    if (at >= 0) this.#tasks.splice(at, 1);
  }

  takeBack(): void {
    this.#tasks.pop();
  }
}

/**
 * One Piscina, until it has failed to start a thread.
 *
 * It is given a task only when a thread has nothing to do, or when no other thread is being
 * started: so it makes workers in `run` alone, never in an event, where no caller would catch what
 * the runtime throws.
 */
export class PiscinaPool<Task, Result> extends StartingPool<Task, Result> {
  readonly #piscina: Piscina;
  readonly #queued = new OneTaskQueue();
  /** Tasks that Piscina has been given. */
  readonly #given = new Set<WaitingTask<Task, Result>>();
  #ready: readonly { readonly destroyed: boolean }[] = [];

  /** Makes a pool; starts no thread. */
  constructor(PiscinaClass: typeof Piscina, options: TaskThreadsOptions) {
    super(options);
    this.#piscina = new PiscinaClass({
      ...workerOptions(),
      filename: moduleUrlOf(options.workerCode).href,
      minThreads: 0,
      maxThreads: options.threadCount,
      idleTimeout: options.idleTimeoutMs,
      taskQueue: this.#queued,
      // A worker that parks in Atomics.wait cannot be ended on Deno.
      atomics: "disabled",
    });
    // Of a thread that has no task, and so of one that is not ready; without a listener it would
    // end the process.
    this.#piscina.on("error", (error) => this.lastError = error);
    this.#piscina.on("workerCreate", (thread) => {
      this.#ready = [...this.#ready, thread];
      runMicrotask(() => this.look());
    });
    this.#piscina.on("workerDestroy", () => {
      this.#ready = this.#ready.filter(({ destroyed }) => !destroyed);
      // What it was doing fails first, and its error is reported.
      runNextTurn(() => this.look());
    });
  }

  protected async endThreads(): Promise<void> {
    // Not `close`, which leaves a timer behind for half a minute.
    await settlesWithin(this.#piscina.destroy(), END_MS_MAX);
  }

  protected handOver(): void {
    while (this.waiting.length > 0 && this.#mayGive()) {
      if (!this.#give(this.waiting.shift()!)) break;
    }
  }

  protected get mustStart(): boolean {
    return this.waiting.length + this.#queued.size > 0 && this.#ready.length === 0;
  }

  protected get threadCount(): number {
    return this.#piscina.threads.length;
  }

  #mayGive(): boolean {
    if (this.#queued.size > 0) return false;
    const threads = this.#piscina.threads.length;
    const hasIdle = this.#given.size < this.#ready.length;
    return hasIdle || (threads === this.#ready.length && threads < this.threadsMax);
  }

  /** Has Piscina run a task; false if it does not take it now. */
  #give(waiting: WaitingTask<Task, Result>): boolean {
    const { task, resolve, reject } = waiting;
    const mustStart = this.#given.size >= this.#ready.length;
    this.#given.add(waiting);
    let running: Promise<Result>;
    try {
      if (mustStart) assertThreadFits();
      running = this.#piscina.run(task);
    } catch (error) {
      // There is no room for another thread, or the runtime does not make it: those that there are
      // do what they can.
      this.#queued.takeBack();
      this.#given.delete(waiting);
      this.waiting.unshift(waiting);
      this.lastError = error;
      this.threadsMax = this.#ready.length;
      return false;
    }
    running.then(resolve, reject).finally(() => {
      this.#given.delete(waiting);
      this.look();
    });
    return true;
  }

  protected giveUp(error: ThreadStartError): void {
    for (const { reject } of this.#given) reject(error);
    this.#piscina.destroy().catch(() => {});
  }
}
