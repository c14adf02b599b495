/**
 * The threads that run tasks: a Piscina pool that may fail to start them.
 *
 * Piscina says nothing of a task that waits for a thread which never comes: one whose module cannot
 * be loaded, or that ends, or hangs, before it is ready. Here each task ends: while tasks wait and
 * there is no thread, or none is ready in time, all of them fail, the pool is thrown away, and they
 * are tried again with a new one, a limited number of times.
 *
 * @module
 */
import type { Piscina } from "piscina";
import { THREAD_RETRY_MS, THREAD_START_MS_MAX, THREAD_STARTS_URGENT_MAX } from "./limits.ts";
import {
  monotonicMs,
  runMicrotask,
  runNextTurn,
  sleep,
  startTimer,
  type Timer,
} from "./runtime.ts";
import { settlesWithin } from "./settles_within.ts";
import { assertThreadFits, workerOptions } from "./worker_options.ts";

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;
type TaskQueue = NonNullable<PiscinaOptions["taskQueue"]>;
type QueuedTask = Parameters<TaskQueue["push"]>[0];

/** How long threads that were told to end may take for it; nothing depends on it. */
const END_MS_MAX = 2000;

/** After starting threads has failed again and again, it is tried this often. */
const QUIET_MS_MAX = 10_000;

/** No thread could be started for a task; `cause` is what the runtime reported, if it did. */
export class ThreadStartError extends Error {
  /** Whether another attempt may succeed: not after one that took as long as it might. */
  readonly isWorthRetrying: boolean;

  /** Makes the error. */
  constructor(message: string, cause: unknown, isWorthRetrying = true) {
    super(message, { cause });
    this.name = "ThreadStartError";
    this.isWorthRetrying = isWorthRetrying;
  }
}

/** What the threads are. */
export interface TaskThreadsOptions {
  /** The module that runs tasks. */
  readonly workerUrl: string | URL;
  readonly threadCount: number;
  /** After how long a thread without tasks ends. */
  readonly idleTimeoutMs: number;
  /** How long a thread may take to come up. @default `THREAD_START_MS_MAX` */
  readonly startMsMax?: number;
}

/** Runs tasks; starts threads with the first of them. */
export class TaskThreads<Task, Result> {
  readonly #options: TaskThreadsOptions;
  #pool: Promise<ThreadPool<Task, Result>> | undefined;
  /** The last one that was made. */
  #made: ThreadPool<Task, Result> | undefined;
  #failureCount = 0;
  /** Why no thread could be started, and until when that is not tried again. */
  #lastFailure: ThreadStartError | undefined;
  #quietUntilMs = 0;

  /** Prepares threads; starts none. */
  constructor(options: TaskThreadsOptions) {
    this.#options = options;
  }

  /**
   * Whether starting threads has just failed, so that what can be done later should not be tried
   * now.
   */
  get areFailing(): boolean {
    return monotonicMs() < this.#quietUntilMs;
  }

  /**
   * Runs a task.
   *
   * @throws {ThreadStartError} when there is no thread for it
   */
  async run(task: Task): Promise<Result> {
    if (this.#lastFailure !== undefined && this.areFailing) throw this.#lastFailure;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#runOnce(task);
      } catch (error) {
        if (!(error instanceof ThreadStartError)) throw error;
        if (attempt === THREAD_STARTS_URGENT_MAX || !error.isWorthRetrying) {
          this.#noteFailure(error);
          throw error;
        }
        await sleep(THREAD_RETRY_MS * 2 ** (attempt - 1));
      }
    }
  }

  /** Ends all threads, whatever they do, without a wait. */
  abandon(): void {
    void this.#made?.end();
  }

  /** Ends all threads; the tasks have ended. */
  async close(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined);
    this.#pool = undefined;
    await pool?.end();
  }

  async #runOnce(task: Task): Promise<Result> {
    const making = this.#pool ??= this.#makePool();
    try {
      const pool = await making;
      const result = await pool.run(task);
      this.#failureCount = 0;
      return result;
    } catch (error) {
      // The next task, or the next attempt, gets a new one.
      if (error instanceof ThreadStartError && this.#pool === making) this.#pool = undefined;
      throw error;
    }
  }

  #noteFailure(error: ThreadStartError): void {
    this.#lastFailure = error;
    const quietMs = THREAD_RETRY_MS * 2 ** ++this.#failureCount;
    this.#quietUntilMs = monotonicMs() + Math.min(quietMs, QUIET_MS_MAX);
  }

  async #makePool(): Promise<ThreadPool<Task, Result>> {
    try {
      // Loading modules takes descriptors, too.
      assertThreadFits();
      const { Piscina } = await import("piscina");
      return this.#made = new ThreadPool<Task, Result>(Piscina, this.#options);
    } catch (error) {
      throw notStarted(error);
    }
  }
}

/** A task that has not ended. */
interface Waiting<Task, Result> {
  readonly task: Task;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

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
class ThreadPool<Task, Result> {
  readonly #piscina: Piscina;
  readonly #startMsMax: number;
  readonly #queued = new OneTaskQueue();
  /** Tasks that Piscina has not been given, and those that it has. */
  readonly #waiting: Waiting<Task, Result>[] = [];
  readonly #given = new Set<Waiting<Task, Result>>();
  #ready: readonly { readonly destroyed: boolean }[] = [];
  #threadsMax: number;
  #lastError: unknown;
  #failure: ThreadStartError | undefined;
  /** Runs while tasks wait and no thread is ready. */
  #timer: Timer | undefined;

  constructor(PiscinaClass: typeof Piscina, options: TaskThreadsOptions) {
    this.#startMsMax = options.startMsMax ?? THREAD_START_MS_MAX;
    this.#threadsMax = options.threadCount;
    this.#piscina = new PiscinaClass({
      ...workerOptions(),
      filename: String(options.workerUrl),
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
        const says = `a thread did not start within ${this.#startMsMax} ms`;
        this.#fail(new ThreadStartError(says, this.#lastError, false));
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
  #give(waiting: Waiting<Task, Result>): boolean {
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

function notStarted(cause: unknown): ThreadStartError {
  const why = cause === undefined ? "it ended before it was ready" : String(cause);
  return new ThreadStartError(`a thread could not be started: ${why}`, cause);
}
