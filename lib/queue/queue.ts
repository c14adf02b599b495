/**
 * Queues of jobs in a store: for producers and consumers in all of its threads.
 *
 * Each job is delivered at least once: it comes back when its consumer dies, and it may come twice
 * when the lease of one that lives has ended.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { describe, InvalidArgumentError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { epochMs } from "../platform/runtime.ts";
import { assertStore, STORE_OR_NAMESPACE } from "../store/store_nature.ts";
import { Consumer, type Taken } from "./consumer.ts";
import { deleteRecord, type Job, type JobPlace } from "./job.ts";
import {
  DEAD,
  type DeadRecord,
  JOB,
  jobKey,
  type JobRecord,
  type QueueRecords,
} from "./job_records.ts";
import {
  type AddOptions,
  delayOf,
  type JobsOptions,
  jobsOptionsOf,
  type ProcessOptions,
  type QueueOptions,
  queueOptionsOf,
} from "./queue_options.ts";
import { type JobSource, JobStream } from "./job_stream.ts";
import { JobWorkers } from "./job_workers.ts";

/** What the keys of all queues begin with. */
const PREFIX = "queue:";
/** What is between the name of a queue and its keys. */
const SEPARATOR = ":";
/** Digits of a job's number within its producer. */
const NUMBER_DIGITS = 8;

/** A store, or a namespace, that is ordered, and whose keys may be strings. */
export interface QueueStore {
  /** See `StoreOperations.namespace`. */
  namespace(prefix: string): unknown;
}

/** An atomic commit: see `StoreOperations.atomic`. */
export interface JobCommit {
  /** See `AtomicCommit.put`. */
  // deno-lint-ignore no-explicit-any
  put(key: any, value: any): unknown;
}

/** A job that has failed for the last time. */
export interface DeadLetter<T> {
  /** The job's name in the queue. */
  readonly id: string;
  /** What was added. */
  readonly value: T;
  /** How often it was tried. */
  readonly attempts: number;
  /** When it was added, in milliseconds since the epoch. */
  readonly addedAt: number;
  /** When it was given up, in milliseconds since the epoch. */
  readonly diedAt: number;
  /** Why its last attempt has failed. */
  readonly reason: string;
}

/** How many jobs a queue has. */
export interface QueueCounts {
  /** Jobs that have not ended: due, delayed, and taken. */
  readonly jobs: number;
  /** Dead letters. */
  readonly dead: number;
}

/**
 * A queue of jobs.
 *
 * @typeParam T the type of what is added
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { Queue } from "dinomo/queue";
 *
 * await using store = await open({ capacity: "64MiB", ordered: true });
 * const mails = new Queue<{ to: string }>(store, "mails");
 * await mails.add({ to: "ada@example.org" });
 * const job = await mails.take();
 * console.log(job?.value.to, job?.attempts); // ada@example.org 1
 * await job?.ack();
 * console.log(await mails.counts()); // { jobs: 0, dead: 0 }
 * ```
 */
export class Queue<T> {
  /** The name of the queue. */
  readonly name: string;
  readonly #records: QueueRecords<T>;
  readonly #place: JobPlace<T>;
  readonly #consumer: Consumer<T>;
  /** Makes the ids of this producer differ from others', and sort as they were added. */
  readonly #producer = randomUUID().slice(0, 8);
  #addedCount = 0;
  #isOrdered = false;
  /** Jobs are taken by one call after the other. */
  readonly #takes = new Serial();
  readonly #source: JobSource<T>;

  /**
   * Makes a queue, or opens it: that is the same.
   *
   * @param store a store or a namespace, opened with `ordered: true`, of the codec "msgpack" or
   *   "json"; jobs are the keys that begin with `queue:` and the name. One that evicts is not for
   *   queues: it may drop jobs.
   * @param name without a colon
   * @throws {InvalidArgumentError} when `store` is no store, or the name or an option is not what
   *   it must be
   */
  constructor(store: QueueStore, name: string, options?: QueueOptions) {
    assertStore(store, STORE_OR_NAMESPACE);
    if (typeof name !== "string" || name === "" || name.includes(SEPARATOR)) {
      throw new InvalidArgumentError(
        `name must be a string that is not empty and has no colon, got ${describe(name)}`,
      );
    }
    this.name = name;
    this.#records = store.namespace(PREFIX + name + SEPARATOR) as QueueRecords<T>;
    this.#place = { records: this.#records, options: queueOptionsOf(options) };
    this.#consumer = new Consumer(this.#place);
    this.#source = { records: this.#records, take: (count) => this.#take(count) };
  }

  /**
   * Adds a job. Jobs are taken in the order in which they become due; of several producers, about.
   *
   * @returns its id, when it is as durable as the queue says
   * @throws {InvalidArgumentError} when the store has no order; in a cluster `NotInClusterError`
   */
  async add(value: T, options?: AddOptions): Promise<string> {
    const [key, record, id] = this.#newJob(value, delayOf(options));
    const { durability } = this.#place.options;
    await this.#withOrder(this.#records.put(key, record, { durability }));
    return id;
  }

  /**
   * Adds many jobs; not all at one moment. Resolves to their ids.
   *
   * @throws {InvalidArgumentError} as {@linkcode add}
   */
  async addMany(values: Iterable<T>, options?: AddOptions): Promise<string[]> {
    const delayMs = delayOf(options);
    const ids: string[] = [];
    const jobs = Array.from(values, (value): [string, JobRecord<T>] => {
      const [key, record, id] = this.#newJob(value, delayMs);
      ids.push(id);
      return [key, record];
    });
    const { durability } = this.#place.options;
    await this.#withOrder(this.#records.putMany(jobs, { durability }));
    return ids;
  }

  /**
   * Waits for what puts jobs, and sees that they can be taken, which needs an order. Both begin at
   * once, so that a store that is closed waits for the jobs.
   */
  async #withOrder(put: Promise<unknown>): Promise<void> {
    await Promise.all([put, this.#isOrdered ? undefined : this.#assertOrdered()]);
  }

  async #assertOrdered(): Promise<void> {
    for await (const _ of this.#records.keys({ reverse: true, limit: 1 })) break;
    this.#isOrdered = true;
  }

  /**
   * Has an atomic commit add a job, so that it is added exactly if the other changes are made.
   *
   * @param commit of the store that the queue was made with
   * @returns its id
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   * import { Queue } from "dinomo/queue";
   *
   * await using store = await open({ capacity: "64MiB", ordered: true });
   * const mails = new Queue<string>(store, "mails");
   * const commit = store.atomic().put("user:1", { name: "Ada" });
   * mails.addTo(commit, "welcome, Ada");
   * await commit.commit();
   * console.log((await mails.take())?.value); // welcome, Ada
   * ```
   */
  addTo(commit: JobCommit, value: T, options?: AddOptions): string {
    const [key, record, id] = this.#newJob(value, delayOf(options));
    commit.put(PREFIX + this.name + SEPARATOR + key, record);
    return id;
  }

  /**
   * Takes the next job that is due; undefined if there is none. The consumer has it until its lease
   * ends, which {@linkcode Job.extend} prolongs.
   */
  async take(): Promise<Job<T> | undefined> {
    const { jobs } = await this.#take(1);
    return jobs[0];
  }

  #take(count: number): Promise<Taken<T>> {
    return this.#takes.run(() => this.#consumer.take(count));
  }

  /**
   * Iterates over the jobs as they become due, waiting for them without polling. Each has to be
   * ended by `ack`, or it comes back when its lease ends.
   *
   * @throws what its signal was aborted with
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   * import { Queue } from "dinomo/queue";
   *
   * await using store = await open({ capacity: "64MiB", ordered: true });
   * const queue = new Queue<number>(store, "numbers");
   * setTimeout(() => queue.add(42), 10);
   * for await (const job of queue.jobs()) {
   *   console.log(job.value); // 42
   *   await job.ack();
   *   break;
   * }
   * ```
   */
  async *jobs(options?: JobsOptions): AsyncGenerator<Job<T>, void, undefined> {
    const { keepsAlive } = jobsOptionsOf(options);
    const jobs = new JobStream(this.#source, options?.signal, keepsAlive);
    try {
      for (;;) yield* await jobs.next(1);
    } finally {
      await jobs.close();
    }
  }

  /**
   * Works on jobs until its signal is aborted: a job whose handler ends is done, one whose handler
   * throws is tried again after a pause, or becomes a dead letter. Leases are renewed as long as
   * handlers run. Resolves when the signal has been aborted, and the handlers have ended that ran.
   *
   * @param handler gets a job, whose signal `lost` is aborted when another consumer may have it
   * @throws {StoreClosedError} when the store is closed
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   * import { Queue } from "dinomo/queue";
   *
   * await using store = await open({ capacity: "64MiB", ordered: true });
   * const queue = new Queue<number>(store, "numbers", { attempts: 3, backoffMs: 10 });
   * await queue.addMany([1, 2, 3]);
   * const done = new AbortController();
   * let sum = 0;
   * await queue.process(async (job) => {
   *   sum += job.value;
   *   if (sum === 6) done.abort();
   * }, { signal: done.signal, concurrency: 2 });
   * console.log(sum); // 6
   * ```
   */
  async process(
    handler: (job: Job<T>) => unknown,
    options?: ProcessOptions,
  ): Promise<void> {
    if (typeof handler !== "function") {
      throw new InvalidArgumentError(`handler must be a function, got ${describe(handler)}`);
    }
    const workers = new JobWorkers(this.#source, handler, options, this.#place.options);
    await workers.run();
  }

  /** How many jobs there are; takes time by their number. */
  async counts(): Promise<QueueCounts> {
    const jobs = await this.#records.countKeys({ prefix: JOB });
    const dead = await this.#records.countKeys({ prefix: DEAD });
    return { jobs, dead };
  }

  /** Iterates over the dead letters. */
  async *deadLetters(): AsyncGenerator<DeadLetter<T>, void, undefined> {
    for await (const [key, record] of this.#records.entries({ prefix: DEAD })) {
      yield { id: key.slice(DEAD.length), ...record as DeadRecord<T> };
    }
  }

  /** Makes a job of a dead letter, as if it had just been added; false if there is none. */
  async revive(id: string, options?: AddOptions): Promise<boolean> {
    const delayMs = delayOf(options);
    const key = DEAD + id;
    const entry = await this.#records.getEntry(key);
    if (entry === undefined) return false;
    const record = this.#newRecord(entry.value.value);
    const commit = this.#records.atomic().check(key, entry.version).delete(key);
    commit.put(jobKey(epochMs() + delayMs, id), record);
    const { durability } = this.#place.options;
    return await commit.commit({ durability }) !== null;
  }

  /** Deletes a dead letter; false if there is none. */
  async discard(id: string): Promise<boolean> {
    const key = DEAD + id;
    const entry = await this.#records.getEntry(key);
    return entry !== undefined && await deleteRecord(this.#place, key, entry.version);
  }

  #newJob(value: T, delayMs: number): [key: string, record: JobRecord<T>, id: string] {
    const number = (this.#addedCount++).toString(36).padStart(NUMBER_DIGITS, "0");
    const id = number + this.#producer;
    return [jobKey(epochMs() + delayMs, id), this.#newRecord(value), id];
  }

  #newRecord(value: T): JobRecord<T> {
    return { value, attempts: 0, addedAt: epochMs(), leasedUntil: 0 };
  }
}
