/**
 * What can be done with the keys of a store.
 *
 * @module
 */
import { InvalidArgumentError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { abortable, type AbortOptions, iterateUntilAborted, untilAborted } from "./abort.ts";
import type {
  BoundedIncrementOptions,
  IncrementOptions,
  IterationOptions,
  IterationSyncOptions,
  PutEntry,
  PutManyOptions,
  PutOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  TouchOptions,
} from "./method_options.ts";
import type { DerivedWrites } from "./derived_writes.ts";
import type { Entry } from "./entry.ts";
import type { LoadContext, LoadOptions } from "./load_options.ts";
import type { SingleFlight } from "./single_flight.ts";
import type { Changed } from "./update_turn.ts";
import type { KeyAccess } from "./key_access.ts";
import type { SyncBatches } from "./sync_batches.ts";
import type { StoreReads } from "./reads.ts";
import type { StoreWrites } from "./writes.ts";

/** Where the type of the values stands for what only some of them have. */
declare const VALUES: unique symbol;

/** A store whose values may be numbers. (Parameters of methods are compared both ways.) */
export interface HoldsNumbers {
  /**
   * Never there.
   *
   * @ignore
   */
  [VALUES]?(value: number): void;
}

const DELETE_RULE = "delete must be called with a key alone, got more: " +
  "compareAndDelete(key, version) deletes a key that has not changed";

/**
 * The operations on keys and values that a {@linkcode Store} has.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class StoreOperations<V, K extends Key = string> {
  /**
   * Never there: see {@linkcode HoldsNumbers}.
   *
   * @ignore
   */
  [VALUES]?(value: V): void;
  readonly #access: KeyAccess<V>;
  readonly #reads: StoreReads<V>;
  readonly #writes: StoreWrites<V>;
  readonly #derived: DerivedWrites;
  readonly #flights: SingleFlight<V>;
  readonly #syncBatches: SyncBatches<V>;

  /** Used by the store only. */
  constructor(access: KeyAccess<V>) {
    const { reads, writes, derived, flights, syncBatches } = access;
    this.#access = access;
    this.#reads = reads;
    this.#writes = writes;
    this.#derived = derived;
    this.#flights = flights;
    this.#syncBatches = syncBatches;
  }

  /**
   * Reads a value. With the option `cache` it is shared with other callers, and deeply frozen.
   *
   * @returns the value, or undefined if the key does not exist
   */
  get(key: K): Promise<V | undefined> {
    return this.#reads.get(key);
  }

  /**
   * Reads a value at once: no other thread takes part. If operations that this thread has issued
   * for the key before are still on their way, it blocks until they have ended, and calls the
   * `change` functions of updates among them.
   */
  getSync(key: K): V | undefined {
    return this.#reads.getSync(key);
  }

  /**
   * Reads many values, in the order of the keys. While there are many, timers and sockets get their
   * turn; an array of keys may be changed meanwhile, the keys in it may not. With `consistent` there
   * is a moment at which all of them were current.
   *
   * @throws {DecodeError} for a value that cannot be decoded, unless `onDecodeError` is given: then
   *   that is called, and undefined stands for the value
   * @throws {UnavailableError} with `consistent`, when no such moment was found for two seconds
   */
  getMany(keys: Iterable<K>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    return untilAborted(options?.signal, () => this.#reads.getMany(keys, options));
  }

  /** Like {@linkcode getMany}, before it returns. */
  getManySync(keys: Iterable<K>, options?: ReadManySyncOptions): (V | undefined)[] {
    return this.#reads.getManySync(keys, options);
  }

  /** Like {@linkcode getMany}, with versions and expiry times. */
  getEntries(keys: Iterable<K>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    return untilAborted(options?.signal, () => this.#reads.getEntries(keys, options));
  }

  /** Like {@linkcode getEntries}, before it returns. */
  getEntriesSync(keys: Iterable<K>, options?: ReadManySyncOptions): (Entry<V> | undefined)[] {
    return this.#reads.getEntriesSync(keys, options);
  }

  /** Reads a value together with its version and expiry time. */
  getEntry(key: K): Promise<Entry<V> | undefined> {
    return this.#reads.getEntry(key);
  }

  /** Reads a value together with its version and expiry time, at once. */
  getEntrySync(key: K): Entry<V> | undefined {
    return this.#reads.getEntrySync(key);
  }

  /** Whether a key exists. */
  has(key: K): Promise<boolean> {
    return this.#reads.has(key);
  }

  /** Whether a key exists, at once. */
  hasSync(key: K): boolean {
    return this.#reads.hasSync(key);
  }

  /** Whether each of many keys exists, in their order. */
  hasMany(keys: Iterable<K>, options?: AbortOptions): Promise<boolean[]> {
    return abortable(options, () => this.#reads.hasMany(keys, options));
  }

  /** Like {@linkcode hasMany}, before it returns. */
  hasManySync(keys: Iterable<K>): boolean[] {
    return this.#reads.hasManySync(keys);
  }

  /**
   * Stores a value. Without `ttl` or `expiresAt` the key does not expire, whatever it did before.
   *
   * @returns the version that the key has by it
   */
  put(key: K, value: V, options?: PutOptions): Promise<number> {
    return this.#writes.put(key, value, options);
  }

  /** Stores a value before it returns, without a turn of the event loop; returns its version. */
  putSync(key: K, value: V, options?: PutOptions): number {
    return this.#writes.putSync(key, value, options);
  }

  /**
   * Stores many values. Not atomic as a whole: other threads may see some of them before the
   * others. When an entry is refused, the entries before it are stored and those after it are not;
   * when one finds no space, the others are stored all the same.
   *
   * The first 1,024 entries are issued in the call. Of those behind them, what the event loop can
   * not spare the time for is issued in its next turns, so that timers and sockets get theirs: until
   * the promise is settled, an operation on one of their keys may apply before them or after them.
   * An array may be changed meanwhile; the keys and values in it may not.
   *
   * @param entries pairs of a key and a value; the third element of one, if there is one, are
   *   options for it alone, instead of those for all
   */
  putMany(entries: Iterable<PutEntry<V, K>>, options?: PutManyOptions): Promise<void> {
    return untilAborted(options?.signal, () => this.#writes.putMany(entries, options));
  }

  /** Like {@linkcode putMany}, before it returns. */
  putManySync(entries: Iterable<PutEntry<V, K>>, options?: PutOptions): void {
    this.#syncBatches.putMany(entries, options);
  }

  /** Deletes a key; resolves to whether it existed. */
  delete(key: K): Promise<boolean> {
    if (arguments.length > 1) return Promise.reject(new InvalidArgumentError(DELETE_RULE));
    return this.#writes.delete(key);
  }

  /** Deletes a key before it returns; returns whether it existed. */
  deleteSync(key: K): boolean {
    if (arguments.length > 1) throw new InvalidArgumentError(DELETE_RULE);
    return this.#writes.deleteSync(key);
  }

  /**
   * Deletes a key if it has not changed since it was read.
   *
   * @param version the version that `getEntry` returned
   * @returns whether it was deleted
   */
  compareAndDelete(key: K, version: number): Promise<boolean> {
    return this.#writes.compareAndDelete(key, version);
  }

  /** Like {@linkcode compareAndDelete}, before it returns. */
  compareAndDeleteSync(key: K, version: number): boolean {
    return this.#writes.compareAndDeleteSync(key, version);
  }

  /**
   * Deletes many keys; resolves to whether they existed, in the order of the keys. A key that is
   * refused leaves those after it alone. Large batches are issued as those of {@linkcode putMany}
   * are.
   */
  deleteMany(keys: Iterable<K>, options?: AbortOptions): Promise<boolean[]> {
    return abortable(options, () => this.#writes.deleteMany(keys, options));
  }

  /** Like {@linkcode deleteMany}, before it returns. */
  deleteManySync(keys: Iterable<K>): boolean[] {
    return this.#syncBatches.deleteMany(keys);
  }

  /**
   * Stores a value if the key has not changed since it was read.
   *
   * @param version the version that `getEntry` returned, or null: only if the key does not exist
   * @returns the version that the key has by it, or undefined if the value was not stored
   */
  compareAndSet(
    key: K,
    version: number | null,
    value: V,
    options?: PutOptions,
  ): Promise<number | undefined> {
    return this.#writes.compareAndSet(key, version, value, options);
  }

  /** Like {@linkcode compareAndSet}, before it returns. */
  compareAndSetSync(
    key: K,
    version: number | null,
    value: V,
    options?: PutOptions,
  ): number | undefined {
    return this.#writes.compareAndSetSync(key, version, value, options);
  }

  /**
   * Changes a value atomically: reads it, calls `change`, stores the result if the key has not
   * changed meanwhile, and starts over if it has. `change` may therefore run several times. The
   * key's expiry time stays unless `ttl` or `expiresAt` is given.
   *
   * Like any operation it is issued when it is called: what was issued before for the key applies
   * before, and what is issued later, later. `change` is called when its turn has come, at the next
   * tick at the earliest, or by a synchronous operation on the key.
   *
   * If `change` returns a promise that is not settled when the event loop has turned, or when a
   * synchronous operation on the key has to wait for it, the update lets go of its place: what is
   * issued meanwhile for the key applies before it, and `flush` and `close` do not wait for it. It
   * is issued again when the promise is fulfilled.
   *
   * @param change gets the value, or undefined if the key does not exist; what it returns, or
   *   resolves to, is stored. With {@linkcode DELETE} the key is deleted, with {@linkcode KEEP} it
   *   stays as it is
   * @returns the value that the key has then; undefined if it does not exist
   * @throws {ReentrantCallError} when `change` changes its own key each time that it is called
   */
  update(
    key: K,
    change: (old: V | undefined) => V | Promise<V>,
    options?: PutOptions,
  ): Promise<V>;
  /** The same, with a `change` that may return {@linkcode DELETE} or {@linkcode KEEP}. */
  update(
    key: K,
    change: (old: V | undefined) => Changed<V> | Promise<Changed<V>>,
    options?: PutOptions,
  ): Promise<V | undefined>;
  update(
    key: K,
    change: (old: V | undefined) => Changed<V> | Promise<Changed<V>>,
    options?: PutOptions,
  ): Promise<V | undefined> {
    return this.#writes.update(key, change, options);
  }

  /**
   * Like {@linkcode update}, before it returns: `change` is called at once, after what was issued
   * before for the key, and must not return a promise.
   *
   * @throws {InvalidArgumentError} when `change` returns a promise; the key is as it was then
   */
  updateSync(key: K, change: (old: V | undefined) => V, options?: PutOptions): V;
  /** The same, with a `change` that may return {@linkcode DELETE} or {@linkcode KEEP}. */
  updateSync(
    key: K,
    change: (old: V | undefined) => Changed<V>,
    options?: PutOptions,
  ): V | undefined;
  updateSync(
    key: K,
    change: (old: V | undefined) => Changed<V>,
    options?: PutOptions,
  ): V | undefined {
    return this.#writes.updateSync(key, change, options);
  }

  /**
   * Reads a value, and loads and stores it if the key does not exist: once, however many callers,
   * in however many threads, want it at one time. The others wait for the one that loads, and are
   * freed at once when it fails: then one of another thread loads, while those of the same thread
   * are rejected with the same error. A loader must not wait for its own key.
   *
   * @param load makes the value; it gets the key, and a signal that is aborted when no caller waits
   *   any more. `flush` and `close` do not wait for it
   * @throws what `load` throws
   * @throws {InvalidValueError} when what it returns cannot be stored, such as undefined
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<{ rate: number }>({ capacity: "64MiB" });
   * const load = async () => ({ rate: await Promise.resolve(1.08) });
   * const options = { ttl: 60_000, staleWhileRevalidateMs: 600_000 };
   * const both = await Promise.all([
   *   store.getOrPut("EUR/USD", load, options),
   *   store.getOrPut("EUR/USD", load, options), // waits for the first one
   * ]);
   * console.log(both); // [{ rate: 1.08 }, { rate: 1.08 }]
   * ```
   */
  getOrPut(
    key: K,
    load: (key: K, context: LoadContext) => V | Promise<V>,
    options?: LoadOptions,
  ): Promise<V> {
    return this.#flights.getOrPut(key, load as (key: Key) => V | Promise<V>, options);
  }

  /**
   * Deletes a key and resolves to the value that it had, or to undefined if it did not exist: of
   * all that take a value, such as a job, one gets it.
   */
  getAndDelete(key: K): Promise<V | undefined> {
    return this.#writes.getAndDelete(key);
  }

  /** Like {@linkcode getAndDelete}, before it returns. */
  getAndDeleteSync(key: K): V | undefined {
    return this.#writes.getAndDeleteSync(key);
  }

  /**
   * Adds to a number atomically: the KN of the key does, in one request, however many threads add
   * at one time. A key that does not exist counts as 0. Stores with the codecs "msgpack" and "json"
   * have numbers.
   *
   * The key's expiry time stays unless `ttl` or `expiresAt` is given; `ttlIfNew` is that of a key
   * that did not exist, such as the first of a window of a rate limiter.
   *
   * @param by what to add, a finite number; 1 if left out
   * @returns the sum
   * @throws {NotANumberError} when what is stored is no number, or the sum would not be finite
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.increment("visits"); // 1
   * await store.increment("visits", 10, { ttl: 60_000 }); // 11
   * await store.put("stock", 1);
   * console.log(await store.increment("stock", -1, { min: 0 })); // 0
   * console.log(await store.increment("stock", -1, { min: 0 })); // undefined: none is left
   * ```
   */
  increment(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Promise<number>;
  /**
   * The same within bounds: where the sum would be less than `min` or greater than `max`, the key
   * stays as it is, its expiry time too.
   *
   * @returns the sum, or undefined if the bounds have not allowed it
   */
  increment(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Promise<number | undefined>;
  increment(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Promise<number | undefined> {
    return this.#derived.increment(key, by, options);
  }

  /** Like {@linkcode increment}, before it returns. */
  incrementSync(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): number;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementSync(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): number | undefined;
  incrementSync(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): number | undefined {
    return this.#derived.incrementSync(key, by, options);
  }

  /**
   * Like {@linkcode increment}, and returns the sum with the version and the expiry time that the
   * key has by it: what a rate limiter needs to know, of one moment.
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * const { value, expiresAt } = await store.incrementEntry("hits", 1, { ttlIfNew: 60_000 });
   * console.log(value, expiresAt! > Date.now()); // 1 true
   * ```
   */
  incrementEntry(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Promise<Entry<number>>;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementEntry(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Promise<Entry<number> | undefined>;
  incrementEntry(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Promise<Entry<number> | undefined> {
    return this.#derived.incrementEntry(key, by, options);
  }

  /** Like {@linkcode incrementEntry}, before it returns. */
  incrementEntrySync(
    this: HoldsNumbers,
    key: K,
    by?: number,
    options?: IncrementOptions,
  ): Entry<number>;
  /** The same within bounds; undefined if they have not allowed it. */
  incrementEntrySync(
    this: HoldsNumbers,
    key: K,
    by: number | undefined,
    options: BoundedIncrementOptions,
  ): Entry<number> | undefined;
  incrementEntrySync(
    key: K,
    by?: number,
    options?: BoundedIncrementOptions,
  ): Entry<number> | undefined {
    return this.#derived.incrementEntrySync(key, by, options);
  }

  /**
   * Gives a key another expiry time. The value stays as it is and does not travel: the KN of the
   * key writes it anew in its log, with the next version.
   *
   * @param options `ttl` or `expiresAt`; with Infinity the key does not expire any more
   * @returns the version that the key has by it, or undefined if it does not exist
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<{ user: string }>({ capacity: "64MiB" });
   * await store.put("session", { user: "ann" }, { ttl: 60_000 });
   * await store.touch("session", { ttl: 3_600_000 });
   * await store.touch("session", { ttl: Infinity });
   * console.log((await store.getEntry("session"))!.expiresAt); // undefined
   * ```
   */
  touch(key: K, options: TouchOptions): Promise<number | undefined> {
    return this.#derived.touch(key, options);
  }

  /** Like {@linkcode touch}, before it returns. */
  touchSync(key: K, options: TouchOptions): number | undefined {
    return this.#derived.touchSync(key, options);
  }

  /**
   * Iterates over keys and values, in no particular order. Every key that exists from beginning to
   * end is seen exactly once; keys that come or go meanwhile may be seen or not. The value is the
   * one at the moment it is yielded. Timers and sockets get their turn at least every 5 ms.
   *
   * @throws {DecodeError} for a value that cannot be decoded, unless `onDecodeError` is given: then
   *   that is called, and the value left out
   */
  entries(options?: IterationOptions): AsyncIterableIterator<[K, V]> {
    const entries = iterateUntilAborted(options?.signal, () => this.#reads.entries(options));
    return entries as AsyncIterableIterator<[K, V]>;
  }

  /** Iterates over keys, like {@linkcode entries}. */
  keys(options?: IterationOptions): AsyncIterableIterator<K> {
    const keys = iterateUntilAborted(options?.signal, () => this.#reads.keys(options));
    return keys as AsyncIterableIterator<K>;
  }

  /** Iterates over values, like {@linkcode entries}. */
  async *values(options?: IterationOptions): AsyncIterableIterator<V> {
    for await (const [, value] of this.entries(options)) yield value;
  }

  /**
   * Iterates over keys and values like {@linkcode entries}, without a turn of the event loop: timers
   * and sockets wait until the loop around it ends. It begins by blocking until all that this thread
   * has issued before has ended.
   *
   * @throws {DecodeError} as {@linkcode entries} does
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.putMany([["a", 1], ["b", 2]]);
   * console.log(Object.fromEntries(store.entriesSync())); // { a: 1, b: 2 }
   * ```
   */
  entriesSync(options?: IterationSyncOptions): IterableIterator<[K, V]> {
    return this.#reads.entriesSync(options) as IterableIterator<[K, V]>;
  }

  /** Iterates over keys, like {@linkcode entriesSync}. */
  keysSync(options?: IterationSyncOptions): IterableIterator<K> {
    return this.#reads.keysSync(options) as IterableIterator<K>;
  }

  /** Iterates over values, like {@linkcode entriesSync}. */
  *valuesSync(options?: IterationSyncOptions): IterableIterator<V> {
    for (const [, value] of this.#reads.entriesSync(options)) yield value;
  }

  /**
   * Number of keys, those included that have expired within the last second but were not removed
   * yet.
   */
  get count(): number {
    return this.#reads.count();
  }

  /** Deletes all keys. Not atomic as a whole: keys that are put meanwhile may stay. */
  clear(options?: AbortOptions): Promise<void> {
    return abortable(options, () => this.#access.clear(options));
  }

  /** Like {@linkcode clear}, before it returns. */
  clearSync(): void {
    this.#access.clearSync();
  }

  /**
   * A view of the keys that begin with a prefix, in which they are written without it: with all
   * operations on keys, and an iteration, a `count` and a `clear` of its own. It takes no memory in
   * the store, and may be made anew at any time. A namespace may have namespaces.
   *
   * Keys have no order: iteration, `count` and `clear` of a namespace look at every key of the
   * store.
   *
   * @typeParam V2 the type of the values in it, which is not checked
   * @param prefix a string, or bytes where keys are bytes
   * @throws {InvalidArgumentError} when it is of the wrong type, empty, or leaves no room for a key
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open({ capacity: "64MiB" });
   * const users = store.namespace<{ name: string }>("user:");
   * await users.put("1", { name: "Ada" });
   * console.log(await store.get("user:1")); // { name: "Ada" }
   * for await (const [key, { name }] of users.entries()) console.log(key, name); // 1 Ada
   * ```
   */
  namespace<V2 = V>(prefix: string extends K ? string : Uint8Array): Namespace<V2, K> {
    return new Namespace<V2, K>(this.#access.narrow(prefix) as unknown as KeyAccess<V2>);
  }
}

/** The keys of a store that begin with a prefix: see {@linkcode StoreOperations.namespace}. */
export class Namespace<V, K extends Key = string> extends StoreOperations<V, K> {}
