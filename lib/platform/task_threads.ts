/**
 * The threads that run tasks: a pool that may fail to start them.
 *
 * When a pool has failed, it is thrown away, and its tasks are tried again with a new one, a
 * limited number of times. Piscina's threads are a file of its own, which is where the library's
 * files are. So it serves there, and a pool of the library's own does in bundles, and where the
 * tasks' module is no file.
 *
 * @module
 */
import type { Piscina } from "piscina";
import { THREAD_RETRY_MS, THREAD_STARTS_URGENT_MAX } from "../core/limits.ts";
import { BarePool } from "./bare_pool.ts";
import { builtin } from "./builtin.ts";
import { PiscinaPool } from "./piscina_pool.ts";
import { monotonicMs, sleep } from "./runtime.ts";
import {
  notStarted,
  type TaskPool,
  type TaskThreadsOptions,
  ThreadStartError,
} from "./task_pool.ts";
import { moduleUrlOf, OWN_WORKERS } from "./worker_loader.ts";
import { assertThreadFits } from "./worker_options.ts";

/** After starting threads has failed again and again, it is tried this often. */
const QUIET_MS_MAX = 10_000;

/** Runs tasks; starts threads with the first of them. */
export class TaskThreads<Task, Result> {
  readonly #options: TaskThreadsOptions;
  #pool: TaskPool<Task, Result> | undefined;
  /** The last one that was made. */
  #made: TaskPool<Task, Result> | undefined;
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
    // Asked with every put; mostly none has ever failed.
    return this.#quietUntilMs !== 0 && monotonicMs() < this.#quietUntilMs;
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
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.end();
  }

  async #runOnce(task: Task): Promise<Result> {
    const pool = this.#pool ??= this.#makePool();
    try {
      const result = await pool.run(task);
      this.#failureCount = 0;
      return result;
    } catch (error) {
      // The next task, or the next attempt, gets a new one.
      if (error instanceof ThreadStartError && this.#pool === pool) this.#pool = undefined;
      throw error;
    }
  }

  #noteFailure(error: ThreadStartError): void {
    this.#lastFailure = error;
    const quietMs = THREAD_RETRY_MS * 2 ** ++this.#failureCount;
    this.#quietUntilMs = monotonicMs() + Math.min(quietMs, QUIET_MS_MAX);
  }

  #makePool(): TaskPool<Task, Result> {
    try {
      // Loading modules takes descriptors, too.
      assertThreadFits();
      const PiscinaClass = this.#mayUsePiscina ? loadPiscina() : undefined;
      return this.#made = PiscinaClass === undefined
        ? new BarePool<Task, Result>(this.#options)
        : new PiscinaPool<Task, Result>(PiscinaClass, this.#options);
    } catch (error) {
      throw notStarted(error);
    }
  }

  get #mayUsePiscina(): boolean {
    const { usesPiscina = OWN_WORKERS.dpm.isFile, workerCode } = this.#options;
    return usesPiscina && moduleUrlOf(workerCode).protocol === "file:";
  }
}

/** Loads Piscina, unseen by bundlers; undefined where it is not installed. */
function loadPiscina(): typeof Piscina | undefined {
  try {
    const require = builtin("node:module").createRequire(import.meta.url);
    return (require("piscina") as typeof import("piscina")).Piscina;
  } catch {
    return undefined;
  }
}
