/**
 * Jobs as they become due, for one consumer that waits for them.
 *
 * @module
 */
import { Arrivals } from "./arrivals.ts";
import type { Taken } from "./consumer.ts";
import type { Job } from "./job.ts";
import type { QueueRecords } from "./job_records.ts";

/** Where jobs come from. */
export interface JobSource<T> {
  readonly records: QueueRecords<T>;
  /** See `Consumer.take`. */
  take(count: number): Promise<Taken<T>>;
}

/** After so many takes without a wait a consumer is not told of changes until it waits again. */
const TAKES_WATCHED_MAX = 32;

/**
 * Takes jobs, and waits while there is none.
 *
 * It is told what happens to jobs from its first wait on. While there is always another job that
 * would be for nothing: all that happens to any job would be told, by those who make it happen, to
 * every consumer. So a consumer that has not waited for some time is told nothing, until there is
 * no job any more; it looks for one again when it has begun to be told, before it waits.
 */
export class JobStream<T> {
  readonly #source: JobSource<T>;
  readonly #signal: AbortSignal;
  readonly #keepsAlive: boolean;
  /** Since the last time that there was no job. */
  #arrivals: Arrivals<T> | undefined;
  /** How often jobs were taken since the last wait. */
  #takeCount = 0;

  /** A stream that ends by a signal. */
  constructor(source: JobSource<T>, signal: AbortSignal | undefined, keepsAlive: boolean) {
    this.#source = source;
    this.#keepsAlive = keepsAlive;
    this.#signal = signal ?? new AbortController().signal;
  }

  /**
   * The next jobs, one at least; waits for it. No more are taken than the caller begins to work on,
   * since their leases have begun.
   *
   * @throws what the signal was aborted with; nothing is kept then
   */
  async next(count: number): Promise<readonly Job<T>[]> {
    for (;;) {
      this.#signal.throwIfAborted();
      let taken = await this.#source.take(count);
      if (taken.jobs.length === 0 && this.#arrivals === undefined) {
        this.#arrivals = new Arrivals(this.#source.records, this.#keepsAlive);
        await this.#arrivals.begin();
        taken = await this.#source.take(count);
      }
      const { jobs, waitMs } = taken;
      if (this.#signal.aborted) await Promise.allSettled(jobs.map((job) => job.release()));
      else if (jobs.length > 0) {
        await this.#noteTaken();
        return jobs;
      } else {
        this.#takeCount = 0;
        await this.#arrivals!.wait(waitMs, this.#signal);
      }
    }
  }

  /** Stops watching if there has been no wait for long. */
  async #noteTaken(): Promise<void> {
    this.#takeCount += 1;
    if (this.#takeCount < TAKES_WATCHED_MAX || this.#arrivals === undefined) return;
    const arrivals = this.#arrivals;
    this.#arrivals = undefined;
    await arrivals.close();
  }

  /** Stops watching. */
  async close(): Promise<void> {
    await this.#arrivals?.close();
  }
}
