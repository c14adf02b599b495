/**
 * Works on the jobs of a queue, some of them at once.
 *
 * As many jobs are taken at once as workers are free, and a worker is free when its handler has
 * ended: the end of its job is stored while it works on the next one. So what quick handlers do in
 * one turn of the event loop is stored together.
 *
 * @module
 */
import { runNextTurn, startTimer } from "../platform/runtime.ts";
import type { Job } from "./job.ts";
import { type JobSource, JobStream } from "./job_stream.ts";
import {
  type ProcessOptions,
  processOptionsOf,
  type ResolvedQueueOptions,
} from "./queue_options.ts";

/** How often a lease is renewed within itself, and how often one that is very long. */
const RENEWALS = 3;
const RENEWAL_MS_MAX = 24 * 60 * 60 * 1000;
/** Jobs that have not ended, by what may be worked on at once: the others are being stored. */
const OPEN_BY_CONCURRENCY = 2;

/** The workers of one call of `process`. */
export class JobWorkers<T> {
  readonly #handler: (job: Job<T>) => unknown;
  readonly #signal: AbortSignal | undefined;
  readonly #leaseMs: number;
  readonly #concurrency: number;
  readonly #onError: (error: unknown, jobId: string) => void;
  readonly #jobs: JobStream<T>;
  /** The jobs whose handlers run. */
  readonly #running = new Set<Job<T>>();
  /** Those whose end is being stored, too. */
  #openCount = 0;
  /** Called when a worker becomes free, or a job has ended. */
  #onProgress = () => {};

  /** Workers that do not work yet. */
  constructor(
    source: JobSource<T>,
    handler: (job: Job<T>) => unknown,
    options: ProcessOptions | undefined,
    { leaseMs }: ResolvedQueueOptions,
  ) {
    const { keepsAlive, concurrency, onError } = processOptionsOf(options);
    this.#handler = handler;
    this.#signal = options?.signal;
    this.#leaseMs = leaseMs;
    this.#concurrency = concurrency;
    this.#onError = onError;
    this.#jobs = new JobStream(source, options?.signal, keepsAlive);
  }

  /** Works until the signal is aborted, and what has begun by then has ended. */
  async run(): Promise<void> {
    const renewalMs = Math.min(RENEWAL_MS_MAX, this.#leaseMs / RENEWALS);
    const renewing = startTimer(() => this.#renewAll(), renewalMs, {
      isRepeated: true,
      keepsAlive: false,
    });
    try {
      for (;;) {
        for (const job of await this.#jobs.next(this.#freeCount)) void this.#work(job);
        while (this.#freeCount <= 0) await this.#progress();
      }
    } catch (error) {
      if (this.#signal?.aborted !== true) throw error;
    } finally {
      while (this.#openCount > 0) await this.#progress();
      renewing.stop();
      await this.#jobs.close();
    }
  }

  /** How many jobs may be taken: another one only when there is a worker for it. */
  get #freeCount(): number {
    return Math.min(
      this.#concurrency - this.#running.size,
      this.#concurrency * OPEN_BY_CONCURRENCY - this.#openCount,
    );
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#onProgress = resolve);
  }

  /** Never rejects: what goes wrong with one job is its own. */
  async #work(job: Job<T>): Promise<void> {
    this.#openCount += 1;
    this.#running.add(job);
    try {
      const result = this.#handler(job);
      // Without a turn if it has ended: then as many jobs are taken next as are free.
      if (isThenable(result)) await result;
      this.#leave(job);
      await job.ack();
    } catch (error) {
      this.#leave(job);
      this.#tell(error, job);
      await job.retry(error).catch((reason: unknown) => this.#tell(reason, job));
    }
    this.#openCount -= 1;
    this.#onProgress();
  }

  #leave(job: Job<T>): void {
    this.#running.delete(job);
    this.#onProgress();
  }

  /** Renews the leases of the jobs that are worked on. */
  #renewAll(): void {
    for (const job of this.#running) void job.renew();
  }

  #tell(error: unknown, job: Job<T>): void {
    // What it throws itself concerns no job.
    runNextTurn(() => this.#onError(error, job.id));
  }
}

function isThenable(value: unknown): boolean {
  return (typeof value === "object" && value !== null || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function";
}
