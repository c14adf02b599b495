/**
 * How a consumer without a job waits: until there may be one, or a time is over.
 *
 * It watches the keys of jobs, whose changes are mostly what consumers do to them: a job that has
 * been taken or has ended is none to wake up for. So it looks at the job of each change, which
 * costs less than to look for jobs.
 *
 * A thread may watch 16 prefixes. One that consumes more queues looks at the others from time to
 * time.
 *
 * @module
 */
import { TooManyWatchersError } from "../core/errors.ts";
import { epochMs, monotonicMs, sleep } from "../platform/runtime.ts";
import type { KeyChange } from "../store/watches/prefix_watch.ts";
import { dueOf, JOB, type JobRecord, type QueueRecords } from "./job_records.ts";

/** How often a consumer looks that is not told of changes, in milliseconds. */
const POLL_MS = 20;

type NextChange = IteratorResult<KeyChange<string>, undefined>;

/** Tells one consumer of jobs that it may take. */
export class Arrivals<T> {
  readonly #records: QueueRecords<T>;
  readonly #keepsAlive: boolean;
  readonly #changes: AsyncIterator<KeyChange<string>, undefined>;
  /** Whether so much is watched in this thread that the queue is not. */
  #isUnwatched = false;
  /** A change that is waited for. */
  #pending: Promise<NextChange> | undefined;

  /** Watches nothing before {@linkcode begin}. */
  constructor(records: QueueRecords<T>, keepsAlive: boolean) {
    this.#records = records;
    this.#keepsAlive = keepsAlive;
    this.#changes = records.watch({ prefix: JOB }) as AsyncIterator<KeyChange<string>, undefined>;
  }

  /** Begins to watch. Changes from now on end {@linkcode wait}, also if they come before it. */
  async begin(): Promise<void> {
    try {
      await this.#changes.next();
    } catch (error) {
      if (!(error instanceof TooManyWatchersError)) throw error;
      this.#isUnwatched = true;
    }
  }

  /** Waits until a job may be taken, or for some milliseconds, or for a signal. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const timer = sleep(this.#isUnwatched ? Math.min(ms, POLL_MS) : ms, {
      keepsAlive: this.#keepsAlive,
      signal: AbortSignal.any([end.signal, signal]),
    });
    if (this.#isUnwatched) return await timer;
    const endMs = monotonicMs() + ms;
    try {
      for (;;) {
        this.#pending ??= this.#changes.next();
        const change = await Promise.race([this.#pending, timer]);
        if (change === undefined) return;
        this.#pending = undefined;
        // By the clock as it is now: it may have been set, or the machine been suspended,
        // meanwhile.
        const untilMs = epochMs() + endMs - monotonicMs();
        if (change.done === true || await this.#isNews(change.value, untilMs)) return;
      }
    } finally {
      end.abort();
    }
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    await this.#changes.return?.();
  }

  /** Whether a change means that there may be a job to take before a time. */
  async #isNews(change: KeyChange<string>, untilMs: number): Promise<boolean> {
    if (change.kind !== "put") return change.kind === "resync";
    const { key } = change;
    if (dueOf(key) >= untilMs) return false;
    const entry = await this.#records.getEntry(key);
    return entry !== undefined && (entry.value as JobRecord<T>).leasedUntil < untilMs;
  }
}
