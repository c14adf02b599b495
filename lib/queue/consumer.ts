/**
 * How a consumer finds jobs.
 *
 * The next jobs are the first keys. A consumer reads a *window* of them, and takes some, those that
 * others have not, by compare-and-sets that expect what it has just read. All of these are on their
 * way at once: what a request costs by itself, a step of a KN, a write to the log, is shared by them.
 * Having lost one to another consumer, it goes on at a random place of the window, so that two that
 * have read the same do not race for each job. Behind its window it reads the next one.
 *
 * Jobs may become due in front of a window: others add them, and leases end. So a consumer begins
 * with the first key again when it has come to the last, before it waits, and every
 * {@linkcode BEGIN_EVERY_MS} anyway. It waits until a job may be taken, or until the next job
 * becomes due or the next lease ends, whichever is first.
 *
 * @module
 */
import { epochMs, monotonicMs } from "../core/runtime.ts";
import type { Entry } from "../store/entry.ts";
import { BEHIND_JOBS, behindDue, dueOf, JOB, type JobRecord } from "./job_records.ts";
import { Job, type JobPlace } from "./job.ts";

/** Keys that are read at once. */
const WINDOW_KEYS = 256;
/** After so many milliseconds it begins with the first key again, though there are more. */
const BEGIN_EVERY_MS = 250;
/** The longest wait, in milliseconds: others may have another clock. */
const WAIT_MS_MAX = 60_000;

/** Of a job whose consumers have died, or have let its lease end. */
const LOST = "its lease has ended as often as it may be tried";

/** What a consumer has taken. */
export interface Taken<T> {
  readonly jobs: readonly Job<T>[];
  /** Without jobs: milliseconds until there may be one that is not now, as far as is known. */
  readonly waitMs: number;
}

/** Takes jobs of one queue; one call at a time. */
export class Consumer<T> {
  readonly #place: JobPlace<T>;
  /** Keys that were read, and not yet looked at. */
  #window: string[] = [];
  /** The last key that was read; undefined to begin with the first one. */
  #last: string | undefined;
  /** When it has begun with the first key, by a monotonic clock. */
  #begunMs = 0;
  /** When a job becomes due, or a lease ends, of those that it has passed over. */
  #soonestMs = Infinity;

  /** A consumer that has read nothing yet. */
  constructor(place: JobPlace<T>) {
    this.#place = place;
  }

  /** Takes the next jobs that are due, up to so many; none if there is none. */
  async take(count: number): Promise<Taken<T>> {
    if (monotonicMs() - this.#begunMs > BEGIN_EVERY_MS) this.#begin();
    const jobs: Job<T>[] = [];
    let hasBegun = false;
    while (jobs.length < count) {
      if (this.#window.length > 0) {
        await this.#claimNext(count - jobs.length, jobs);
        continue;
      }
      // A few at once are better than all later.
      if (jobs.length > 0) break;
      if (this.#last === undefined) {
        if (hasBegun) break;
        hasBegun = true;
        this.#begin();
      }
      await this.#readWindow();
    }
    const waitMs = Math.max(0, Math.min(WAIT_MS_MAX, this.#soonestMs - epochMs()));
    return { jobs, waitMs };
  }

  /** Goes on with the first key. */
  #begin(): void {
    this.#begunMs = monotonicMs();
    this.#window = [];
    this.#last = undefined;
    this.#soonestMs = Infinity;
  }

  /** Reads the next keys that are due. */
  async #readWindow(): Promise<void> {
    const nowMs = epochMs();
    const range = { gt: this.#last ?? JOB, lt: BEHIND_JOBS, limit: WINDOW_KEYS };
    const behind = behindDue(nowMs);
    this.#window = [];
    for await (const key of this.#place.records.keys(range)) {
      if (key >= behind) {
        this.#soonestMs = Math.min(this.#soonestMs, dueOf(key));
        break;
      }
      this.#window.push(key);
    }
    this.#last = this.#window.at(-1);
  }

  /** Looks at the next keys of the window, up to so many, and takes those that others have not. */
  async #claimNext(count: number, jobs: Job<T>[]): Promise<void> {
    const keys = this.#window.splice(0, count);
    const entries = await this.#place.records.getEntries(keys);
    const nowMs = epochMs();
    const claims: Promise<Job<T> | undefined>[] = [];
    for (const [i, key] of keys.entries()) {
      const entry = entries[i] as Entry<JobRecord<T>> | undefined;
      if (entry === undefined) continue;
      const { leasedUntil } = entry.value;
      if (leasedUntil > nowMs) this.#soonestMs = Math.min(this.#soonestMs, leasedUntil);
      else claims.push(this.#claim(key, entry, nowMs));
    }
    const outcomes = await Promise.allSettled(claims);
    let failure: PromiseRejectedResult | undefined;
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") failure ??= outcome;
      else if (outcome.value !== undefined) jobs.push(outcome.value);
    }
    // Of a job whose claim has failed it is unknown who has it: it comes back when its lease ends.
    if (failure !== undefined && jobs.length === 0) throw failure.reason;
  }

  /** Takes a job as it was read, unless another consumer has it. */
  async #claim(
    key: string,
    { value: record, version }: Entry<JobRecord<T>>,
    nowMs: number,
  ): Promise<Job<T> | undefined> {
    const { records, options: { leaseMs, attempts, durability } } = this.#place;
    const leasedUntil = nowMs + leaseMs;
    const leased = { ...record, attempts: record.attempts + 1, leasedUntil };
    const taken = await records.compareAndSet(key, version, leased, { durability });
    if (taken === undefined) {
      this.#soonestMs = Math.min(this.#soonestMs, leasedUntil);
      this.#goElsewhere();
      return undefined;
    }
    const job = new Job(this.#place, key, leased, taken);
    if (record.attempts < attempts) return job;
    // It has been tried as often as it may be, and was never given back.
    await job.bury(LOST);
    return undefined;
  }

  /** Goes on at a random place of the window; what is in front of it comes at its end. */
  #goElsewhere(): void {
    const keys = this.#window;
    this.#window = keys.splice(Math.floor(Math.random() * keys.length)).concat(keys);
  }
}
