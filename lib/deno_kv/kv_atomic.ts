/**
 * Atomic operations of Deno KV: checks and mutations that are made together or not at all.
 *
 * Deno KV checks versionstamps, the store checks versions. So the keys that are checked, or whose
 * numbers are changed, are read first: their versionstamps are compared here, and their versions
 * are what the store checks. If one of them has changed in between, the keys are read again.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { ConflictError } from "../core/commit_errors.ts";
import type { AtomicCommit } from "../store/commits/atomic_commit.ts";
import type { EntryLifetime } from "../store/arguments/commit_options.ts";
import type { Entry } from "../store/arguments/entry.ts";
import {
  isStampText,
  isU64,
  KvU64,
  type Stamp,
  type StampClock,
  storedOf,
  type StoredValue,
  textOfStamp,
  valueOf,
} from "./kv_values.ts";
import type { EnqueueOptions, KvQueue } from "./kv_queue.ts";
import {
  encodeStampedKey,
  encodeStoredKey,
  endsWithStamp,
  type KvKey,
  nameOfKey,
  withStamp,
} from "./tuple_key.ts";

/** How often an operation is tried that others disturb. */
const TRIES_MAX = 1000;
const NUMBERS = 2n ** 64n;
/** Some 4,400 years: half of what the store's clock has. */
const EXPIRE_IN_MS_MAX = 2 ** 47;
/** Of an operation that does not have to know any. */
const NO_ENTRIES: readonly undefined[] = [];

/** A versionstamp that a key must have, or null: it must not exist. */
export interface AtomicCheck {
  /** The key. */
  key: KvKey;
  /** Of an entry that was read, or null. */
  versionstamp: string | null;
}

/** A change of a key. */
export type KvMutation =
  & { key: KvKey }
  & (
    | { type: "set"; value: unknown; expireIn?: number | undefined }
    | { type: "delete" }
    | { type: "sum" | "min" | "max"; value: KvU64 }
  );

/** Of an operation that was made. */
export interface KvCommitResult {
  /** It was made. */
  ok: true;
  /** The versionstamp that its keys have by it. */
  versionstamp: string;
}

/** Of an operation one of whose checks did not hold. */
export interface KvCommitError {
  /** Nothing has changed. */
  ok: false;
}

/** What an atomic operation needs of a store. */
export interface CheckedStore {
  getEntries(keys: Uint8Array[]): Promise<(Entry<StoredValue> | undefined)[]>;
  atomic(): AtomicCommit<StoredValue, Uint8Array>;
}

/** A key of an operation, and what is to be done about it. */
interface KeyPlan {
  readonly bytes: Uint8Array;
  /** Whether the versionstamp of the commit is the last part of the key. */
  readonly isStamped: boolean;
  readonly mutations: KvMutation[];
  readonly stamps: (string | null)[];
}

/** Keys from which on they are looked up by name: most operations have few. */
const NAMED_MIN = 16;

/** What an operation does about its keys, in their order. */
class KeyPlans {
  readonly all: KeyPlan[] = [];
  /** The same by name, once there are many. */
  #byName: Map<string, KeyPlan> | undefined;

  /** The plan of a key, which is made if there is none. */
  of(bytes: Uint8Array, isStamped: boolean): KeyPlan {
    const plan = this.#find(bytes);
    return plan ?? this.#add({ bytes, isStamped, mutations: [], stamps: [] });
  }

  #find(bytes: Uint8Array): KeyPlan | undefined {
    if (this.#byName !== undefined) return this.#byName.get(nameOfKey(bytes));
    for (let i = 0; i < this.all.length; i++) {
      if (areSame(this.all[i]!.bytes, bytes)) return this.all[i];
    }
    return undefined;
  }

  #add(plan: KeyPlan): KeyPlan {
    this.all.push(plan);
    if (this.#byName !== undefined) this.#byName.set(nameOfKey(plan.bytes), plan);
    else if (this.all.length === NAMED_MIN) {
      this.#byName = new Map(this.all.map((each) => [nameOfKey(each.bytes), each]));
    }
    return plan;
  }
}

/** Checks and mutations, as they are put together. */
export class AtomicOperation {
  readonly #store: CheckedStore;
  readonly #clock: StampClock;
  readonly #queue: KvQueue;
  readonly #keys = new KeyPlans();
  readonly #messages: { value: unknown; options: EnqueueOptions | undefined }[] = [];

  /** Used by `Kv.atomic` only. */
  constructor(store: CheckedStore, clock: StampClock, queue: KvQueue) {
    this.#store = store;
    this.#clock = clock;
    this.#queue = queue;
  }

  /**
   * Has the operation made only if keys have the versionstamps that were read.
   *
   * @throws {TypeError} when one is none
   */
  check(...checks: AtomicCheck[]): this {
    for (const { key, versionstamp } of checks) {
      if (versionstamp !== null && !isStampText(versionstamp)) {
        throw new TypeError(`versionstamp must be one of an entry, got ${describe(versionstamp)}`);
      }
      this.#keys.of(encodeStoredKey(key), false).stamps.push(versionstamp);
    }
    return this;
  }

  /**
   * Changes keys, in the order of the mutations.
   *
   * @throws {TypeError} when one is none
   */
  mutate(...mutations: KvMutation[]): this {
    for (const mutation of mutations) this.#mutate(mutation);
    return this;
  }

  /** Adds to a `KvU64`, modulo 2^64; sets it if the key does not exist. */
  sum(key: KvKey, n: bigint): this {
    return this.mutate({ type: "sum", key, value: new KvU64(n) });
  }

  /** Lowers a `KvU64` to a number, if it is larger; sets it if the key does not exist. */
  min(key: KvKey, n: bigint): this {
    return this.mutate({ type: "min", key, value: new KvU64(n) });
  }

  /** Raises a `KvU64` to a number, if it is less; sets it if the key does not exist. */
  max(key: KvKey, n: bigint): this {
    return this.mutate({ type: "max", key, value: new KvU64(n) });
  }

  /**
   * Stores a value, for `expireIn` milliseconds if that is given. The last part of the key may be
   * what {@linkcode Kv.commitVersionstamp} returns.
   */
  set(key: KvKey, value: unknown, options: { expireIn?: number | undefined } = {}): this {
    return this.#mutate({ type: "set", key, value, expireIn: options.expireIn });
  }

  /** Deletes a key. */
  delete(key: KvKey): this {
    return this.mutate({ type: "delete", key });
  }

  /** Adds a message to the queue. */
  enqueue(value: unknown, options?: EnqueueOptions): this {
    this.#queue.assertOptions(options);
    this.#messages.push({ value, options });
    return this;
  }

  /**
   * Makes the operation.
   *
   * @throws {TypeError} when a number is to be changed that is no `KvU64`; nothing has changed
   * @throws {ConflictError} when others have changed its keys each time that it was tried
   */
  async commit(): Promise<KvCommitResult | KvCommitError> {
    const plans = this.#keys.all;
    const read = plans.filter(isRead);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const entries = read.length === 0
        ? NO_ENTRIES
        : await this.#store.getEntries(read.map(({ bytes }) => bytes));
      const commit = this.#store.atomic();
      const stamp = this.#clock.next();
      for (let i = 0; i < read.length; i++) {
        const plan = read[i]!;
        const entry = entries[i];
        const text = entry === undefined ? null : textOfStamp(entry.value);
        if (plan.stamps.some((expected) => expected !== text)) return { ok: false };
        commit.check(plan.bytes, entry?.version ?? null);
      }
      let reads = 0;
      for (const plan of plans) {
        // In the order in which they were read.
        const entry = isRead(plan) ? entries[reads++] : undefined;
        change(commit, plan, entry?.value, stamp);
      }
      for (const { value, options } of this.#messages) this.#queue.addTo(commit, value, options);
      if (await commit.commit() !== null) return { ok: true, versionstamp: textOfStamp(stamp) };
    }
    throw new ConflictError(
      `an atomic operation must find its keys unchanged once in ${TRIES_MAX} tries, but others have changed them each time`,
    );
  }

  #mutate(mutation: KvMutation): this {
    assertMutation(mutation);
    const { type, key } = mutation;
    const isStamped = type === "set" && endsWithStamp(key);
    const bytes = isStamped ? encodeStampedKey(key) : encodeStoredKey(key);
    this.#keys.of(bytes, isStamped).mutations.push(mutation);
    return this;
  }
}

function areSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // From the end: keys that are together begin the same.
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether it must be known what a key is: it is checked, or what it becomes depends on that. */
function isRead({ stamps, mutations }: KeyPlan): boolean {
  const first = mutations[0]?.type;
  return stamps.length > 0 || (first !== undefined && first !== "set" && first !== "delete");
}

/** Has a commit do what a plan says, all in one: a key is changed once by a commit. */
function change(
  commit: AtomicCommit<StoredValue, Uint8Array>,
  { bytes, isStamped, mutations }: KeyPlan,
  stored: StoredValue | undefined,
  stamp: Stamp,
): void {
  if (mutations.length === 0) return;
  let exists = stored !== undefined;
  let value = stored && valueOf(stored);
  let expireIn: number | undefined;
  for (const mutation of mutations) {
    if (mutation.type === "delete") exists = false;
    else {
      const old = exists ? value : undefined;
      value = mutation.type === "set" ? mutation.value : combined(mutation, old, exists);
      expireIn = mutation.type === "set" ? mutation.expireIn : undefined;
      exists = true;
    }
  }
  const key = isStamped ? withStamp(bytes, textOfStamp(stamp)) : bytes;
  if (!exists) commit.delete(key);
  else commit.put(key, storedOf(stamp, value), lifetimeOf(expireIn));
}

function combined(
  { type, value }: KvMutation & { type: "sum" | "min" | "max" },
  old: unknown,
  exists: boolean,
): KvU64 {
  if (!exists) return value;
  if (!isU64(old)) {
    throw new TypeError(`${type} must be of a KvU64, but the key has ${describe(old)}`);
  }
  const [a, b] = [old.value, value.value];
  if (type === "sum") return new KvU64((a + b) % NUMBERS);
  if (type === "min") return a < b ? old : value;
  return a > b ? old : value;
}

/** Options by which the store lets a key expire. */
export function lifetimeOf(expireIn: number | undefined): EntryLifetime | undefined {
  if (expireIn === undefined) return undefined;
  // The store has no lifetime of nothing; a key whose time is over does not exist.
  return expireIn === 0 ? { expiresAt: 1 } : { ttl: expireIn };
}

/** Checks how long a value is to be there. */
export function assertExpireIn(expireIn: unknown): void {
  if (expireIn === undefined) return;
  const isRight = typeof expireIn === "number" && expireIn >= 0 &&
    (expireIn <= EXPIRE_IN_MS_MAX || expireIn === Infinity);
  if (isRight) return;
  throw new TypeError(
    `expireIn must be a number of milliseconds from 0 to ${EXPIRE_IN_MS_MAX}, or Infinity, got ${
      describe(expireIn)
    }`,
  );
}

function assertMutation(mutation: KvMutation): void {
  const { type } = mutation;
  switch (type) {
    case "set":
      return assertExpireIn(mutation.expireIn);
    case "delete":
      return;
    case "sum":
    case "min":
    case "max":
      if (isU64(mutation.value)) return;
      throw new TypeError(`${type} must be given a KvU64, got ${describe(mutation.value)}`);
    default:
      throw new TypeError(
        `the type of a mutation must be set, delete, sum, min or max, got ${describe(type)}`,
      );
  }
}
