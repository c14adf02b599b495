/**
 * How a consumer finds jobs.
 *
 * The next jobs are the first keys. A consumer reads a *window* of them, and takes some, those that
 * others have not, by compare-and-sets that expect what it has just read. All of these are on their
 * way at once: what a request costs by itself, a step of a KN, a write to the log, is shared by
 * them. Behind its window it reads the next one.
 *
 * Having lost one to another consumer, it keeps out of the way of the others: it begins at random
 * places of its windows, goes elsewhere when it sees that most has been taken, and leaves what is
 * left of a window in which there is nothing. Alone, it takes jobs exactly in their order.
 *
 * Jobs may become due in front of a window: others add them, and leases end. So a consumer begins
 * with the first key again when it has come to the last, before it waits, and every
 * {@linkcode BEGIN_EVERY_MS} anyway. It waits until a job may be taken, or until the next job
 * becomes due or the next lease ends, whichever is first.
 *
 * @module
 */
import { epochMs, monotonicMs } from "../platform/runtime.ts";
import type { Entry } from "../store/arguments/entry.ts";
import { BEHIND_JOBS, behindDue, dueOf, JOB, type JobRecord } from "./job_records.ts";
import { Job, type JobPlace } from "./job.ts";

/** Keys that are read at once. */
const WINDOW_KEYS = 256;
/** After so many milliseconds it begins with the first key again, though there are more. */
const BEGIN_EVERY_MS = 250;
/** After so many looks in vain it leaves the rest of a window to others. */
const IN_VAIN_MAX = 2;
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
  /** Whether others have been met since it has begun with the first key. */
  #hasRivals = false;
  /** Whether it has left keys to others since then. */
  #hasLeftSome = false;
  /** How often, one after the other, there was nothing to take where it looked. */
  #inVain = 0;

  /** A consumer that has read nothing yet. */
  constructor(place: JobPlace<T>) {
    this.#place = place;
  }

  /** Takes the next jobs that are due, up to so many; none if there is none. */
  async take(count: number): Promise<Taken<T>> {
    if (monotonicMs() - this.#begunMs > BEGIN_EVERY_MS) this.#begin();
    let jobs: Job<T>[] = [];
    let hasBegun = false;
    // A few at once are better than all later.
    while (jobs.length === 0) {
      if (this.#window.length > 0) {
        jobs = await this.#claimNext(count);
        continue;
      }
      if (this.#last === undefined) {
        if (hasBegun && !this.#hasLeftSome) break;
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
    this.#hasRivals = this.#hasLeftSome = false;
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
    this.#inVain = 0;
    if (this.#hasRivals) this.#goElsewhere();
  }

  /** Takes jobs of the window that others have not, up to so many. */
  async #claimNext(count: number): Promise<Job<T>[]> {
    const { records, options: { leaseMs, durability } } = this.#place;
    const free = await this.#findFree(count);
    const leasedUntil = epochMs() + leaseMs;
    const leased: JobRecord<T>[] = [];
    const versions: Promise<number | undefined>[] = [];
    for (const [key, { value, version }] of free) {
      const record = { ...value, attempts: value.attempts + 1, leasedUntil };
      leased.push(record);
      versions.push(records.compareAndSet(key, version, record, { durability }));
    }
    const jobs: Job<T>[] = [];
    let failure: PromiseRejectedResult | undefined;
    for (const [i, outcome] of (await Promise.allSettled(versions)).entries()) {
      if (outcome.status === "rejected") failure ??= outcome;
      else if (outcome.value === undefined) this.#noteRival(leasedUntil);
      else jobs.push(new Job(this.#place, free[i]![0], leased[i]!, outcome.value));
    }
    // Of a job whose claim has failed it is unknown who has it: it comes back when its lease ends.
    if (failure !== undefined && jobs.length === 0) throw failure.reason;
    return await this.#withoutLost(jobs);
  }

  /** Keys of the window that no consumer has, up to so many, as they are now. */
  async #findFree(count: number): Promise<[key: string, entry: Entry<JobRecord<T>>][]> {
    const free: [string, Entry<JobRecord<T>>][] = [];
    while (free.length < count && this.#window.length > 0) {
      const keys = this.#window.splice(0, count - free.length);
      const entries = await this.#place.records.getEntries(keys);
      const nowMs = epochMs();
      const before = free.length;
      for (const [i, key] of keys.entries()) {
        const entry = entries[i] as Entry<JobRecord<T>> | undefined;
        if (entry === undefined) continue;
        const { leasedUntil } = entry.value;
        if (leasedUntil > nowMs) this.#soonestMs = Math.min(this.#soonestMs, leasedUntil);
        else free.push([key, entry]);
      }
      if (this.#hasRivals) this.#noteShare(free.length - before, keys.length);
    }
    return free;
  }

  /** Makes dead letters of jobs that have been tried as often as they may be; the others. */
  async #withoutLost(jobs: Job<T>[]): Promise<Job<T>[]> {
    const { attempts } = this.#place.options;
    const lost = jobs.filter((job) => job.attempts > attempts);
    if (lost.length === 0) return jobs;
    // One that cannot be made one now comes again when its lease ends.
    await Promise.allSettled(lost.map((job) => job.bury(LOST)));
    return jobs.filter((job) => job.attempts <= attempts);
  }

  /** Another consumer has taken what this one has just read. */
  #noteRival(leasedUntil: number): void {
    this.#soonestMs = Math.min(this.#soonestMs, leasedUntil);
    if (!this.#hasRivals) this.#goElsewhere();
    this.#hasRivals = true;
  }

  /** Goes where others are not, by how many keys that were next no consumer has. */
  #noteShare(free: number, looked: number): void {
    if (free * 2 >= looked) return;
    this.#goElsewhere();
    this.#inVain = free === 0 ? this.#inVain + 1 : 0;
    if (this.#inVain < IN_VAIN_MAX || this.#window.length === 0) return;
    // What is left has probably been taken; what has not is found from the first key on.
    this.#window = [];
    this.#hasLeftSome = true;
  }

  /** Goes on at a random place of the window; what is in front of it comes at its end. */
  #goElsewhere(): void {
    const keys = this.#window;
    this.#window = keys.splice(Math.floor(Math.random() * keys.length)).concat(keys);
  }
}
