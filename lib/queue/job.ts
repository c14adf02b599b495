/**
 * A job that a consumer has taken.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { leaseLeftMs } from "../lock/lease_left.ts";
import { epochMs } from "../platform/runtime.ts";
import {
  DEAD,
  type DeadRecord,
  idOf,
  jobKey,
  type JobRecord,
  type QueueRecords,
} from "./job_records.ts";
import {
  type AddOptions,
  assertMs,
  delayOf,
  LEASE_MS_MIN,
  type ResolvedQueueOptions,
} from "./queue_options.ts";

/** What a job needs of its queue. */
export interface JobPlace<T> {
  readonly records: QueueRecords<T>;
  readonly options: ResolvedQueueOptions;
}

/**
 * A job that this consumer has until its lease ends. It ends by {@linkcode ack}, and comes back by
 * {@linkcode retry}, or by itself when the lease ends.
 */
export class Job<T> {
  /** Its name in the queue. */
  readonly id: string;
  /** What was added. */
  readonly value: T;
  /** How often it was taken, this time included. */
  readonly attempts: number;
  /** When it was added, in milliseconds since the epoch. */
  readonly addedAt: number;
  readonly #place: JobPlace<T>;
  readonly #key: string;
  #version: number;
  #leasedUntil: number;
  /** For how long the lease was given or renewed at last, in milliseconds. */
  #givenMs: number;
  /** From the first time that it was asked for: most handlers do not, and one costs a lot. */
  #lost: AbortController | undefined;
  #isLost = false;
  /** From the first time that it was extended: a change expects the version by the one before. */
  #extensions: Serial | undefined;

  /** Used by the queue only. */
  constructor(place: JobPlace<T>, key: string, record: JobRecord<T>, version: number) {
    this.#place = place;
    this.#key = key;
    this.id = idOf(key);
    this.value = record.value;
    this.attempts = record.attempts;
    this.addedAt = record.addedAt;
    this.#version = version;
    this.#leasedUntil = record.leasedUntil;
    this.#givenMs = place.options.leaseMs;
  }

  /** Until when no other consumer gets the job, in milliseconds since the epoch. */
  get leasedUntil(): number {
    return this.#leasedUntil;
  }

  /**
   * A signal that is aborted when {@linkcode extend}, or `process` as it renews the lease, finds
   * that the lease has ended: another consumer may have the job.
   */
  get lost(): AbortSignal {
    this.#lost ??= new AbortController();
    if (this.#isLost) this.#abort(this.#lost);
    return this.#lost.signal;
  }

  /**
   * Says that the job is done: it will not come back.
   *
   * @returns false if the lease has ended, and another consumer has the job
   */
  ack(): Promise<boolean> {
    return this.#change(() => deleteRecord(this.#place, this.#key, this.#version));
  }

  /**
   * Gives the job back as if it had not been taken: it is due at once, and was tried once less.
   *
   * @returns false if the lease has ended, and another consumer has the job
   */
  async release(): Promise<boolean> {
    const record = { ...this.#record(0), attempts: this.attempts - 1 };
    return await this.#change(async () => await this.#set(record) !== undefined);
  }

  /**
   * Prolongs the lease, from now on.
   *
   * @param leaseMs how long it is to last; by default as long as the queue says
   * @returns false if the lease has ended, and another consumer has the job
   */
  async extend(leaseMs: number = this.#place.options.leaseMs): Promise<boolean> {
    assertMs("leaseMs", leaseMs, LEASE_MS_MIN);
    this.#extensions ??= new Serial();
    return await this.#extensions.run(() => this.#extend(leaseMs));
  }

  /**
   * Gives the job back: it is due again after a pause, or becomes a dead letter if it was tried as
   * often as the queue says.
   *
   * @param reason why, for those who look at dead letters; mostly what was thrown
   * @param options when it is due; by default as the queue says
   * @returns false if the lease has ended, and another consumer has the job
   */
  async retry(reason?: unknown, options?: AddOptions): Promise<boolean> {
    const { attempts, backoffMs } = this.#place.options;
    const delayMs = options && delayOf(options);
    if (this.attempts >= attempts) return await this.bury(reason);
    const pauseMs = delayMs ?? backoffMs(this.attempts);
    return await this.#replace(jobKey(epochMs() + pauseMs, this.id), this.#record(0));
  }

  /**
   * Makes a dead letter of the job at once.
   *
   * @param reason why, for those who look at dead letters
   * @returns false if the lease has ended, and another consumer has the job
   */
  async bury(reason?: unknown): Promise<boolean> {
    const { value, attempts, addedAt } = this;
    const record: DeadRecord<T> = {
      value,
      attempts,
      addedAt,
      diedAt: epochMs(),
      reason: reasonOf(reason),
    };
    return await this.#replace(DEAD + this.id, record);
  }

  /** Renews the lease, unless it lasts longer already; used by the queue only. Never rejects. */
  async renew(): Promise<void> {
    const leftMs = leaseLeftMs(this.#leasedUntil, this.#givenMs);
    const leaseMs = Math.max(this.#place.options.leaseMs, leftMs);
    try {
      await this.extend(leaseMs);
    } catch {
      if (epochMs() >= this.#leasedUntil) this.#noteLost();
    }
  }

  #noteLost(): void {
    this.#isLost = true;
    if (this.#lost !== undefined) this.#abort(this.#lost);
  }

  #abort(lost: AbortController): void {
    if (!lost.signal.aborted) lost.abort(new Error(`the lease of job ${this.id} has ended`));
  }

  /** Makes a change when the lease is not being prolonged. */
  #change(work: () => Promise<boolean>): Promise<boolean> {
    return this.#extensions === undefined ? work() : this.#extensions.run(work);
  }

  async #extend(leaseMs: number): Promise<boolean> {
    const leasedUntil = epochMs() + leaseMs;
    const version = await this.#set(this.#record(leasedUntil));
    if (version === undefined) {
      this.#noteLost();
      return false;
    }
    this.#version = version;
    this.#leasedUntil = leasedUntil;
    this.#givenMs = leaseMs;
    return true;
  }

  /** Puts another record at the job's key; its version. */
  async #set(record: JobRecord<T>): Promise<number | undefined> {
    const { records, options: { durability } } = this.#place;
    return await records.compareAndSet(this.#key, this.#version, record, { durability });
  }

  #record(leasedUntil: number): JobRecord<T> {
    const { value, attempts, addedAt } = this;
    return { value, attempts, addedAt, leasedUntil };
  }

  /** Puts a record in the job's place, at another key: both or none. */
  async #replace(key: string, record: JobRecord<T> | DeadRecord<T>): Promise<boolean> {
    const { records, options: { durability } } = this.#place;
    return await this.#change(async () => {
      const commit = records.atomic().check(this.#key, this.#version).put(key, record);
      // A job that is due again at once may have the key that it had.
      if (key !== this.#key) commit.delete(this.#key);
      return await commit.commit({ durability }) !== null;
    });
  }
}

/**
 * Deletes a record of a queue at a version, as durably as the queue says; false if it has another.
 */
export function deleteRecord<T>(
  { records, options: { durability } }: JobPlace<T>,
  key: string,
  version: number,
): Promise<boolean> {
  if (durability === undefined) return records.compareAndDelete(key, version);
  // Only a commit can be more durable than the store is.
  const commit = records.atomic().check(key, version).delete(key);
  return commit.commit({ durability }).then((made) => made !== null);
}

function reasonOf(reason: unknown): string {
  if (reason instanceof Error) return `${reason.name}: ${reason.message}`;
  return typeof reason === "string" ? reason : describe(reason);
}
