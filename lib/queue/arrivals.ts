/**
 * How a consumer without a job waits: until a key of the queue changes, or a time is over.
 *
 * A thread may watch 16 prefixes. One that consumes more queues looks at the others from time to time.
 *
 * @module
 */
import { TooManyWatchersError } from "../core/errors.ts";
import { sleep } from "../core/runtime.ts";
import { JOB, type QueueRecords } from "./job_records.ts";

/** How often a consumer looks that is not told of changes, in milliseconds. */
const POLL_MS = 20;

/** Tells one consumer of changes. */
export class Arrivals<T> {
  readonly #changes: AsyncIterableIterator<unknown>;
  readonly #keepsAlive: boolean;
  #isArmed = false;
  #pending: Promise<unknown> | undefined;
  /** Why the watch has ended. */
  #error: unknown;
  /** Whether so much is watched in this thread that the queue is not. */
  #isUnwatched = false;

  /** Watches nothing before {@linkcode arm}. */
  constructor(records: QueueRecords<T>, keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
    this.#changes = records.watch({ prefix: JOB });
  }

  /**
   * Changes from now on end the next {@linkcode wait}, also those that come before it.
   *
   * @returns whether changes were told of before: if not, some may have been missed
   */
  arm(): boolean {
    const wasArmed = this.#isArmed;
    this.#isArmed = true;
    if (this.#isUnwatched || this.#error !== undefined) return true;
    this.#pending ??= this.#changes.next().then(
      () => {
        this.#pending = undefined;
      },
      (error: unknown) => {
        this.#pending = undefined;
        if (error instanceof TooManyWatchersError) this.#isUnwatched = true;
        else this.#error = error;
      },
    );
    return wasArmed;
  }

  /** Waits for a change, or for some milliseconds, or for a signal. After {@linkcode arm}. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#pending !== undefined || this.#isUnwatched) {
      const end = new AbortController();
      const timer = sleep(this.#isUnwatched ? Math.min(ms, POLL_MS) : ms, {
        keepsAlive: this.#keepsAlive,
        signal: AbortSignal.any([end.signal, signal]),
      });
      await (this.#pending === undefined ? timer : Promise.race([this.#pending, timer]));
      end.abort();
    }
    if (this.#error !== undefined) throw this.#error;
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    await this.#changes.return?.();
  }
}
