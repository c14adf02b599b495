/**
 * Threads that run tasks, by Piscina.
 *
 * Piscina says nothing of a task that waits for a thread which never comes: one whose module cannot
 * be loaded, or that ends, or hangs, before it is ready. Here each task ends: while tasks wait and
 * there is no thread, or none is ready in time, all of them fail.
 *
 * @module
 */
import type { Piscina } from "piscina";
import { THREAD_START_MS_MAX } from "./limits.ts";
import { runMicrotask, runNextTurn, startTimer, type Timer } from "./runtime.ts";
import { settlesWithin } from "./settles_within.ts";
import {
  END_MS_MAX,
  notInTime,
  notStarted,
  type TaskPool,
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
export class PiscinaPool<Task, Result> implements TaskPool<Task, Result> {
  readonly #piscina: Piscina;
  readonly #startMsMax: number;
  readonly #queued = new OneTaskQueue();
  /** Tasks that Piscina has not been given, and those that it has. */
  readonly #waiting: WaitingTask<Task, Result>[] = [];
  readonly #given = new Set<WaitingTask<Task, Result>>();
  #ready: readonly { readonly destroyed: boolean }[] = [];
  #threadsMax: number;
  #lastError: unknown;
  #failure: ThreadStartError | undefined;
  /** Runs while tasks wait and no thread is ready. */
  #timer: Timer | undefined;

  /** Makes a pool; starts no thread. */
  constructor(PiscinaClass: typeof Piscina, options: TaskThreadsOptions) {
    this.#startMsMax = options.startMsMax ?? THREAD_START_MS_MAX;
    this.#threadsMax = options.threadCount;
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
    this.#piscina.on("error", (error) => this.#lastError = error);
    this.#piscina.on("workerCreate", (thread) => {
      this.#ready = [...this.#ready, thread];
      runMicrotask(() => this.#look());
    });
    this.#piscina.on("workerDestroy", () => {
      this.#ready = this.#ready.filter(({ destroyed }) => !destroyed);
      // What it was doing fails first, and its error is reported.
      runNextTurn(() => this.#look());
    });
  }

  /** Runs a task. */
  run(task: Task): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#look();
    });
  }

  /** Ends the threads; waits for them, but not for ever. */
  async end(): Promise<void> {
    this.#timer?.stop();
    // Not `close`, which leaves a timer behind for half a minute.
    await settlesWithin(this.#piscina.destroy(), END_MS_MAX);
  }

  /** Hands over what it can, and sees to it that what waits does not wait for ever. */
  #look(): void {
    if (this.#failure !== undefined) return;
    while (this.#waiting.length > 0 && this.#mayGive()) {
      if (!this.#give(this.#waiting.shift()!)) break;
    }
    const mustStart = this.#waiting.length + this.#queued.size > 0 && this.#ready.length === 0;
    if (!mustStart) {
      this.#timer?.stop();
      this.#timer = undefined;
    } else if (this.#piscina.threads.length === 0) {
      this.#fail(notStarted(this.#lastError));
    } else {
      this.#timer ??= startTimer(() => {
        this.#fail(notInTime(this.#startMsMax, this.#lastError));
      }, this.#startMsMax);
    }
  }

  #mayGive(): boolean {
    if (this.#queued.size > 0) return false;
    const threads = this.#piscina.threads.length;
    const hasIdle = this.#given.size < this.#ready.length;
    return hasIdle || (threads === this.#ready.length && threads < this.#threadsMax);
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
      this.#waiting.unshift(waiting);
      this.#lastError = error;
      this.#threadsMax = this.#ready.length;
      return false;
    }
    running.then(resolve, reject).finally(() => {
      this.#given.delete(waiting);
      this.#look();
    });
    return true;
  }

  #fail(error: ThreadStartError): void {
    this.#failure = error;
    this.#timer?.stop();
    for (const { reject } of [...this.#waiting, ...this.#given]) reject(error);
    this.#piscina.destroy().catch(() => {});
  }
}
