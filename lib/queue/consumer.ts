/**
 * How a consumer finds jobs.
 *
 * The next jobs are the first keys. A consumer reads a *window* of them, and takes one after the
 * other, by a compare-and-set that expects what it has read. Those that others have taken it passes
 * over; having lost one to another consumer, it goes on at a random place of the window, so that
 * two that have read the same do not race for each job. Behind its window it reads the next one.
 *
 * Jobs may become due in front of a window: others add them, and leases end. So a consumer begins
 * with the first key again when it has come to the last, before it waits, and every
 * {@linkcode BEGIN_EVERY_MS} anyway. It waits until a key of the queue changes, or until the
 * next job becomes due or the next lease ends, whichever is first.
 *
 * @module
 */
import { epochMs, monotonicMs } from "../core/runtime.ts";
import type { Entry } from "../store/entry.ts";
import { BEHIND_JOBS, behindDue, dueOf, JOB, type JobRecord } from "./job_records.ts";
import { Job, type JobPlace } from "./job.ts";

/** Jobs that are read at once. */
const WINDOW_JOBS = 64;
/** After so many milliseconds it begins with the first key again, though there are more. */
const BEGIN_EVERY_MS = 250;
/** The longest wait, in milliseconds: others may have another clock. */
const WAIT_MS_MAX = 60_000;

/** Of a job whose consumers have died, or have let its lease end. */
const LOST = "its lease has ended as often as it may be tried";

/** A job as it was read. */
interface ReadJob<T> {
  readonly key: string;
  readonly entry: Entry<JobRecord<T>>;
}

/** Takes jobs of one queue, one after the other. */
export class Consumer<T> {
  readonly #place: JobPlace<T>;
  #window: ReadJob<T>[] = [];
  #next = 0;
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

  /** Takes the next job that is due; undefined if there is none. */
  async take(): Promise<Job<T> | undefined> {
    if (monotonicMs() - this.#begunMs > BEGIN_EVERY_MS) this.#begin();
    let hasBegun = false;
    for (;;) {
      while (this.#next < this.#window.length) {
        const job = await this.#claim(this.#window[this.#next++]!);
        if (job !== undefined) return job;
      }
      if (this.#last === undefined) {
        if (hasBegun) return undefined;
        hasBegun = true;
        this.#begin();
      }
      await this.#readWindow();
    }
  }

  /** Milliseconds until a job may be due that is not now, as far as is known. */
  get waitMs(): number {
    return Math.max(0, Math.min(WAIT_MS_MAX, this.#soonestMs - epochMs()));
  }

  /** Goes on with the first key. */
  #begin(): void {
    this.#begunMs = monotonicMs();
    this.#window = [];
    this.#next = 0;
    this.#last = undefined;
    this.#soonestMs = Infinity;
  }

  /** Reads the next keys that are due. */
  async #readWindow(): Promise<void> {
    const { records } = this.#place;
    const nowMs = epochMs();
    const keys: string[] = [];
    const range = { gt: this.#last ?? JOB, lt: BEHIND_JOBS, limit: WINDOW_JOBS };
    for await (const key of records.keys(range)) {
      if (key >= behindDue(nowMs)) {
        this.#soonestMs = Math.min(this.#soonestMs, dueOf(key));
        break;
      }
      keys.push(key);
    }
    const entries = await records.getEntries(keys);
    this.#window = [];
    this.#next = 0;
    for (const [i, key] of keys.entries()) {
      const entry = entries[i] as Entry<JobRecord<T>> | undefined;
      if (entry !== undefined) this.#window.push({ key, entry });
    }
    this.#last = keys.at(-1);
  }

  /** Takes a job as it was read, unless another consumer has it. */
  async #claim({ key, entry }: ReadJob<T>): Promise<Job<T> | undefined> {
    const { records, options: { leaseMs, attempts, durability } } = this.#place;
    const { value: record, version } = entry;
    const nowMs = epochMs();
    if (record.leasedUntil > nowMs) {
      this.#soonestMs = Math.min(this.#soonestMs, record.leasedUntil);
      return undefined;
    }
    const leasedUntil = nowMs + leaseMs;
    const leased = { ...record, attempts: record.attempts + 1, leasedUntil };
    const taken = await records.compareAndSet(key, version, leased, { durability });
    if (taken === undefined) {
      this.#soonestMs = Math.min(this.#soonestMs, leasedUntil);
      this.#next += Math.floor(Math.random() * (this.#window.length - this.#next));
      return undefined;
    }
    const job = new Job(this.#place, key, leased, taken);
    if (record.attempts < attempts) return job;
    // It has been tried as often as it may be, and was never given back.
    await job.bury(LOST);
    return undefined;
  }
}
