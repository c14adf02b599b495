/**
 * What pools of threads have in common: tasks that wait for a thread, and never for ever. While
 * tasks wait, and no thread is ready or comes up in time, all of them fail.
 *
 * @module
 */
import { THREAD_START_MS_MAX } from "../core/limits.ts";
import { startTimer, type Timer } from "./runtime.ts";
import {
  notInTime,
  notStarted,
  type TaskPool,
  type TaskThreadsOptions,
  type ThreadStartError,
  type WaitingTask,
} from "./task_pool.ts";

/** Some threads, until one could not be started. */
export abstract class StartingPool<Task, Result> implements TaskPool<Task, Result> {
  /** Tasks that no thread has been given. */
  protected readonly waiting: WaitingTask<Task, Result>[] = [];
  protected threadsMax: number;
  protected lastError: unknown;
  readonly #startMsMax: number;
  #failure: ThreadStartError | undefined;
  /** Runs while tasks wait and no thread is ready. */
  #timer: Timer | undefined;

  /** Makes a pool; starts no thread. */
  constructor(options: TaskThreadsOptions) {
    this.#startMsMax = options.startMsMax ?? THREAD_START_MS_MAX;
    this.threadsMax = options.threadCount;
  }

  /** Runs a task. */
  run(task: Task): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      this.look();
    });
  }

  /** Ends the threads; waits for them, but not for ever. */
  async end(): Promise<void> {
    this.#timer?.stop();
    await this.endThreads();
  }

  /** Hands over what it can, and sees to it that what waits does not wait for ever. */
  protected look(): void {
    if (this.#failure !== undefined) return;
    this.handOver();
    if (!this.mustStart) {
      this.#timer?.stop();
      this.#timer = undefined;
    } else if (this.threadCount === 0) {
      this.#fail(notStarted(this.lastError));
    } else {
      this.#timer ??= startTimer(() => {
        this.#fail(notInTime(this.#startMsMax, this.lastError));
      }, this.#startMsMax);
    }
  }

  /** Gives tasks to threads that can take them, and starts one more if tasks wait. */
  protected abstract handOver(): void;
  /** Whether tasks wait, and no thread is ready. */
  protected abstract get mustStart(): boolean;
  /** Threads, those included that are being started. */
  protected abstract get threadCount(): number;
  /** Fails what threads have been given, and ends them without a wait. */
  protected abstract giveUp(error: ThreadStartError): void;
  protected abstract endThreads(): Promise<void>;

  #fail(error: ThreadStartError): void {
    this.#failure = error;
    this.#timer?.stop();
    for (const { reject } of this.waiting) reject(error);
    this.giveUp(error);
  }
}
