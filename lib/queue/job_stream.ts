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

/** Takes jobs, and waits while there is none. */
export class JobStream<T> {
  readonly #source: JobSource<T>;
  readonly #signal: AbortSignal;
  readonly #keepsAlive: boolean;
  /** From the first wait on. */
  #arrivals: Arrivals<T> | undefined;

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
      else if (jobs.length > 0) return jobs;
      else await this.#arrivals!.wait(waitMs, this.#signal);
    }
  }

  /** Stops watching. */
  async close(): Promise<void> {
    await this.#arrivals?.close();
  }
}
