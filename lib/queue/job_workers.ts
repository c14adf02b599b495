/**
 * Works on the jobs of a queue, some of them at once.
 *
 * @module
 */
import { epochMs, startTimer, type Timer } from "../core/runtime.ts";
import type { Job } from "./job.ts";
import {
  type ProcessOptions,
  processOptionsOf,
  type ResolvedQueueOptions,
} from "./queue_options.ts";

/** How often a lease is renewed within itself. */
const RENEWALS = 3;

/** Where jobs come from. */
interface JobSource<T> {
  jobs(options: { signal: AbortSignal; keepAlive: boolean }): AsyncIterable<Job<T>>;
}

/** The workers of one call of `process`. */
export class JobWorkers<T> {
  readonly #source: JobSource<T>;
  readonly #handler: (job: Job<T>, lost: AbortSignal) => unknown;
  readonly #signal: AbortSignal;
  readonly #leaseMs: number;
  readonly #concurrency: number;
  readonly #keepsAlive: boolean;
  readonly #onError: (error: unknown, jobId: string) => void;
  readonly #running = new Set<Promise<void>>();

  /** Workers that do not work yet. */
  constructor(
    source: JobSource<T>,
    handler: (job: Job<T>, lost: AbortSignal) => unknown,
    options: ProcessOptions | undefined,
    { leaseMs }: ResolvedQueueOptions,
  ) {
    const { keepsAlive, concurrency, onError } = processOptionsOf(options);
    this.#source = source;
    this.#handler = handler;
    this.#signal = options?.signal ?? new AbortController().signal;
    this.#leaseMs = leaseMs;
    this.#concurrency = concurrency;
    this.#keepsAlive = keepsAlive;
    this.#onError = onError;
  }

  /** Works until the signal is aborted, and what has begun by then has ended. */
  async run(): Promise<void> {
    try {
      const jobs = this.#source.jobs({ signal: this.#signal, keepAlive: this.#keepsAlive });
      for await (const job of jobs) {
        const work = this.#work(job).finally(() => this.#running.delete(work));
        this.#running.add(work);
        // Another job is taken only when there is a worker for it: its lease has begun then.
        if (this.#running.size >= this.#concurrency) await Promise.race(this.#running);
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      await Promise.all(this.#running);
    }
  }

  /** Never rejects: what goes wrong with one job is its own. */
  async #work(job: Job<T>): Promise<void> {
    const lost = new AbortController();
    const timer = this.#renew(job, lost);
    try {
      await this.#handler(job, lost.signal);
      timer.stop();
      await job.ack();
    } catch (error) {
      timer.stop();
      this.#tell(error, job);
      await job.retry(error).catch((reason: unknown) => this.#tell(reason, job));
    }
  }

  /** Renews the lease of a job as long as it is worked on. */
  #renew(job: Job<T>, lost: AbortController): Timer {
    return startTimer(
      () => {
        const renewed = job.extend().catch(() => epochMs() < job.leasedUntil);
        void renewed.then((isHeld) => {
          if (!isHeld) lost.abort(new Error(`the lease of job ${job.id} has ended`));
        });
      },
      this.#leaseMs / RENEWALS,
      { isRepeated: true, keepsAlive: false },
    );
  }

  #tell(error: unknown, job: Job<T>): void {
    try {
      this.#onError(error, job.id);
    } catch {
      // What it throws itself concerns no job.
    }
  }
}
