/**
 * Locks with a lease and a fencing token, for all threads that use a store.
 *
 * A lock is a key that exists while the lock is held, and expires with the lease. It is taken by a
 * compare-and-set that expects no key, renewed and released by ones that expect the version that
 * this holder has written last. So it is the store that decides, in one operation at the key, and
 * there is nothing to elect or to agree on.
 *
 * **The fencing token** is the version by which the key came to be. Versions of a key grow, also
 * when it was deleted or has expired in between; so a later holder has a larger token, and what
 * the lock protects can refuse a holder whose lease has run out without its noticing: it accepts
 * no token that is smaller than one it has seen. (Gray and Cheriton, SOSP 1989, for leases; the
 * token is that of Burrows, "The Chubby lock service", OSDI 2006, section 2.4: a sequencer.)
 *
 * **Whether a change was made may be unknown** (`UnavailableError`). Each holder writes an identity
 * of its own into the record, so it recognises what it has written.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { TooManyWatchersError, UnavailableError } from "../core/errors.ts";
import { Serial } from "../core/serial.ts";
import { epochMs, monotonicMs, sleep, startTimer, type Timer } from "../platform/runtime.ts";
import { untilAborted } from "../store/arguments/abort.ts";
import type { Namespace } from "../store/operations/store_operations.ts";
import { assertStore, STORE_OR_NAMESPACE } from "../store/store_nature.ts";
import { leaseLeftMs } from "./lease_left.ts";
import { LockLostError, LockTimeoutError } from "./lock_errors.ts";
import {
  type AcquireOptions,
  acquireOptionsOf,
  assertLease,
  type LockOptions,
  lockOptionsOf,
  type ResolvedLockOptions,
} from "./lock_options.ts";

/** What a lock's keys begin with. */
const PREFIX = "lock:";
/** How often a lease is renewed within itself. */
const RENEWALS = 3;
/** How often one that waits without being told looks whether the lock is free, in milliseconds. */
const POLL_MS = 5;
/** The longest wait at a time: longer ones than timers take are made of several. */
const WAIT_MS_MAX = 60_000;

/** A store, or a namespace, whose keys are strings and whose values may be objects. */
export interface LockStore {
  /** See `StoreOperations.namespace`. */
  namespace(prefix: string): unknown;
}

/** What the store holds of a lock. */
interface LockRecord {
  readonly id: string;
  readonly owner?: string;
}

type LockRecords = Namespace<LockRecord, string>;

/** Who holds a lock. */
export interface LockHolder {
  /** The name that it has given; undefined if it has given none. */
  readonly owner: string | undefined;
  /** When its lease ends unless it is renewed, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * A lock that this thread holds.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { acquireLock } from "dinomo/lock";
 *
 * await using store = await open({ capacity: "64MiB" });
 * await using lock = await acquireLock(store, "report", { leaseMs: 5_000 });
 * console.log(lock.isHeld, lock.token); // true 1: the next holder has a larger one
 * ```
 */
export class Lock {
  /** The lock's name. */
  readonly name: string;
  /**
   * The fencing token: larger than that of every earlier holder. Give it to what the lock protects,
   * which then refuses tokens smaller than the largest one that it has seen.
   */
  readonly token: number;
  readonly #records: LockRecords;
  readonly #record: LockRecord;
  readonly #options: ResolvedLockOptions;
  readonly #lost = new AbortController();
  /** The version that the record has had since this holder wrote it last. */
  #version: number;
  #expiresAt: number;
  /** For how long it was given or renewed at last, in milliseconds. */
  #givenMs: number;
  #isReleased = false;
  #timer: Timer | undefined;
  /** Its changes, each of which expects the version by the one before. */
  readonly #changes = new Serial();

  /** Used by {@linkcode acquireLock} only. */
  constructor(
    records: LockRecords,
    name: string,
    record: LockRecord,
    options: ResolvedLockOptions,
    version: number,
    expiresAt: number,
  ) {
    this.#records = records;
    this.name = name;
    this.#record = record;
    this.#options = options;
    this.token = this.#version = version;
    this.#expiresAt = expiresAt;
    this.#givenMs = options.leaseMs;
    this.#schedule();
  }

  /** When the lease ends unless it is renewed, in milliseconds since the epoch. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** Whether the lock is held, as far as this thread knows. */
  get isHeld(): boolean {
    return !this.#isReleased && !this.#lost.signal.aborted && epochMs() < this.#expiresAt;
  }

  /**
   * Is aborted, with a {@linkcode LockLostError}, when the lease runs out before it is released:
   * for what has to stop then.
   */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Renews the lease, from now on.
   *
   * @param leaseMs how long it is to last; by default as long as before
   * @throws {LockLostError} when the lock is not held any more
   */
  async extend(leaseMs: number = this.#options.leaseMs): Promise<void> {
    assertLease(leaseMs);
    await this.#changes.run(() => this.#renew(leaseMs));
  }

  /** Lets go of the lock. Resolves to whether it was still held until now. */
  async release(): Promise<boolean> {
    return await this.#changes.run(async () => {
      if (this.#isReleased) return false;
      this.#isReleased = true;
      this.#timer?.stop();
      return await this.#settle(
        async (version) => await this.#records.compareAndDelete(this.name, version),
        (wasDeleted) => wasDeleted,
      ) ?? false;
    });
  }

  /** Lets go of the lock: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #renew(leaseMs: number): Promise<void> {
    if (this.#isReleased) throw new LockLostError(`the lock ${this.#label} has been released`);
    const { durability } = this.#options;
    const expiresAt = epochMs() + leaseMs;
    const version = await this.#settle(
      (expected) =>
        this.#records.compareAndSet(this.name, expected, this.#record, { expiresAt, durability }),
      (renewed) => renewed !== undefined,
    );
    if (version === undefined) throw this.#lose();
    this.#version = version;
    this.#expiresAt = expiresAt;
    this.#givenMs = leaseMs;
    this.#schedule();
  }

  /**
   * Makes a change that expects this holder's version; once more if that has changed by what this
   * holder has written itself, without knowing it. Undefined if the record is not this holder's.
   */
  async #settle<Result>(
    change: (version: number) => Promise<Result>,
    isMade: (result: Result) => boolean,
  ): Promise<Result | undefined> {
    const result = await change(this.#version);
    if (isMade(result)) return result;
    const entry = await this.#records.getEntry(this.name);
    if (entry?.value.id !== this.#record.id || entry.version === this.#version) return undefined;
    this.#version = entry.version;
    const again = await change(entry.version);
    return isMade(again) ? again : undefined;
  }

  /** Looks after the lease: renews it in time, or notes that it has run out. */
  #schedule(): void {
    this.#timer?.stop();
    const { renew } = this.#options;
    const look = () => {
      if (this.#isReleased || this.#lost.signal.aborted) return;
      if (epochMs() >= this.#expiresAt) this.#lose();
      else if (renew) void this.#renewInTime();
      else this.#schedule();
    };
    const leftMs = this.#leftMs;
    this.#timer = startTimer(look, renew ? leftMs / RENEWALS : leftMs, { keepsAlive: false });
  }

  async #renewInTime(): Promise<void> {
    try {
      await this.#changes.run(async () => {
        // A lease that was extended further is not cut short.
        const leaseMs = Math.max(this.#options.leaseMs, this.#leftMs);
        if (!this.#isReleased) await this.#renew(leaseMs);
      });
    } catch {
      // Lost, which the signal says; or not renewed for once: there is time for another attempt.
      if (!this.#isReleased && !this.#lost.signal.aborted) this.#schedule();
    }
  }

  get #leftMs(): number {
    return leaseLeftMs(this.#expiresAt, this.#givenMs);
  }

  #lose(): LockLostError {
    this.#timer?.stop();
    const error = new LockLostError(
      `the lock ${this.#label} was lost: its lease ended before it was renewed`,
    );
    this.#lost.abort(error);
    return error;
  }

  get #label(): string {
    return JSON.stringify(this.name);
  }
}

/**
 * Takes a lock if it is free.
 *
 * @param store a store or a namespace with string keys, near or far, of the codec "msgpack" or
 *   "json"; the lock is the key `lock:` followed by its name. One that evicts is not for locks: it
 *   may drop the record of one that is held.
 * @returns the lock, or undefined if it is held
 * @throws {InvalidArgumentError} when `store` is no store, or an option is not what it must be
 */
export async function tryAcquireLock(
  store: LockStore,
  name: string,
  options?: LockOptions,
): Promise<Lock | undefined> {
  return await take(recordsOf(store), name, lockOptionsOf(options));
}

/**
 * Takes a lock as soon as it is free. Those who wait do not get it in the order in which they came.
 *
 * @param store as for {@linkcode tryAcquireLock}
 * @throws {LockTimeoutError} when it was held all the time
 * @throws {InvalidArgumentError} when `store` is no store, or an option is not what it must be
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { acquireLock } from "dinomo/lock";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const lock = await acquireLock(store, "invoices", { waitMs: 1_000, owner: "the nightly job" });
 * try {
 *   await fetch("data:,invoices", { signal: lock.signal }); // stops when the lock is lost
 * } finally {
 *   await lock.release();
 * }
 * ```
 */
export async function acquireLock(
  store: LockStore,
  name: string,
  options?: AcquireOptions,
): Promise<Lock> {
  const resolved = acquireOptionsOf(options);
  const records = recordsOf(store);
  const signal = options?.signal;
  return await untilAborted(signal, () => takeInTime(records, name, resolved, signal));
}

/** Who holds a lock; undefined if it is free. */
export async function readLock(store: LockStore, name: string): Promise<LockHolder | undefined> {
  const entry = await recordsOf(store).getEntry(name);
  return entry && { owner: entry.value.owner, expiresAt: entry.expiresAt! };
}

function recordsOf(store: LockStore): LockRecords {
  assertStore(store, STORE_OR_NAMESPACE);
  return store.namespace(PREFIX) as LockRecords;
}

async function takeInTime(
  records: LockRecords,
  name: string,
  options: ResolvedLockOptions & { readonly waitMs: number },
  signal: AbortSignal | undefined,
): Promise<Lock> {
  const startMs = monotonicMs();
  for (;;) {
    const lock = await take(records, name, options);
    if (lock !== undefined) {
      if (signal?.aborted) await lock.release();
      return lock;
    }
    signal?.throwIfAborted();
    const leftMs = startMs + options.waitMs - monotonicMs();
    if (leftMs <= 0) throw await notFree(records, name, options.waitMs);
    await whenFree(records, name, leftMs, signal);
  }
}

async function take(
  records: LockRecords,
  name: string,
  options: ResolvedLockOptions,
): Promise<Lock | undefined> {
  const { leaseMs, owner, durability } = options;
  const id = randomUUID();
  const record: LockRecord = owner === undefined ? { id } : { id, owner };
  const expiresAt = epochMs() + leaseMs;
  let version: number | undefined;
  try {
    version = await records.compareAndSet(name, null, record, { expiresAt, durability });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const entry = await records.getEntry(name);
    if (entry?.value.id !== id) throw error;
    version = entry.version;
  }
  return version === undefined
    ? undefined
    : new Lock(records, name, record, options, version, expiresAt);
}

async function notFree(
  records: LockRecords,
  name: string,
  waitMs: number,
): Promise<LockTimeoutError> {
  const owner = (await records.getEntry(name))?.value.owner;
  const by = owner === undefined ? "" : `, at the end by ${JSON.stringify(owner)}`;
  return new LockTimeoutError(
    `the lock ${JSON.stringify(name)} must be free within ${waitMs} ms, but was held${by}`,
  );
}

/**
 * Waits until a lock is free, for some milliseconds at most. Where so many threads watch already
 * that this one cannot, it waits a little, and the caller looks again.
 */
async function whenFree(
  records: LockRecords,
  name: string,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = startTimer(stop, Math.min(waitMs, WAIT_MS_MAX));
  signal?.addEventListener("abort", stop);
  try {
    for await (const [entry] of records.watch([name], { signal: end.signal, keepAlive: true })) {
      if (entry === undefined) return;
    }
  } catch (error) {
    if (error instanceof TooManyWatchersError) await sleep(Math.min(waitMs, POLL_MS), end);
    else if (!end.signal.aborted) throw error;
  } finally {
    timer.stop();
    signal?.removeEventListener("abort", stop);
  }
}
