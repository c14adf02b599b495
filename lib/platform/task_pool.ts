/**
 * Threads that run tasks, of whatever kind.
 *
 * @module
 */
import type { WorkerCode } from "./worker_loader.ts";

/** How long threads that were told to end may take for it; nothing depends on it. */
export const END_MS_MAX = 2000;

/** Threads that run tasks, until one could not be started. */
export interface TaskPool<Task, Result> {
  /**
   * Runs a task; each that is waiting or running fails when there is no thread for those that wait.
   *
   * @throws {ThreadStartError} when there is no thread for it
   */
  run(task: Task): Promise<Result>;
  /** Ends the threads; waits for them, but not for ever. */
  end(): Promise<void>;
}

/** What the threads are. */
export interface TaskThreadsOptions {
  /** The module that runs tasks. */
  readonly workerCode: WorkerCode;
  readonly threadCount: number;
  /** After how long a thread without tasks ends. */
  readonly idleTimeoutMs: number;
  /** How long a thread may take to come up. @default `THREAD_START_MS_MAX` */
  readonly startMsMax?: number;
  /** Whether Piscina may start them. @default where the library's own files are */
  readonly usesPiscina?: boolean;
}

/** A task that has not ended. */
export interface WaitingTask<Task, Result> {
  readonly task: Task;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

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

/** No thread could be started, for this reason. */
export function notStarted(cause: unknown): ThreadStartError {
  const why = cause === undefined ? "it ended before it was ready" : String(cause);
  return new ThreadStartError(`a thread could not be started: ${why}`, cause);
}

/** A thread was not ready in time; the reason, if it is known. */
export function notInTime(startMsMax: number, cause: unknown): ThreadStartError {
  return new ThreadStartError(`a thread did not start within ${startMsMax} ms`, cause, false);
}
