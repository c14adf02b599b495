/**
 * What can be done with the keys of a store.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { abortable, type AbortOptions, ONLY_SIGNAL } from "../arguments/abort.ts";
import type { LoadContext, LoadOptions } from "../arguments/load_options.ts";
import type {
  KeysOptions,
  PutEntry,
  PutManyOptions,
  PutOptions,
  RangeOptions,
} from "../arguments/method_options.ts";
import type { Changed } from "../arguments/update_turn.ts";
import type { SyncBatches } from "../writes/sync_batches.ts";
import type { StoreWrites } from "../writes/writes.ts";
import { CommitOperations } from "./commit_operations.ts";
import type { HoldsValues } from "./derived_operations.ts";
import type { KeyAccess } from "./key_access.ts";
import { type PathOf, type Picked, PickedView } from "./picked_view.ts";

const DELETE_RULE = "delete must be called with a key alone, got more: " +
  "compareAndDelete(key, version) deletes a key that has not changed";

/**
 * The operations on keys and values that a {@linkcode Store} has.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class StoreOperations<V, K extends Key = string> extends CommitOperations<V, K> {
  readonly #access: KeyAccess<V>;
  readonly #writes: StoreWrites<V>;
  readonly #syncBatches: SyncBatches<V>;

  /** Used by the store only. */
  constructor(access: KeyAccess<V>) {
    super(access);
    this.#access = access;
    this.#writes = access.writes;
    this.#syncBatches = access.syncBatches;
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
   * not spare the time for is issued in its next turns, so that timers and sockets get theirs:
   * until the promise is settled, an operation on one of their keys may apply before them or after
   * them. An array may be changed meanwhile; the keys and values in it may not.
   *
   * @param entries pairs of a key and a value; the third element of one, if there is one, are
   *   options for it alone, instead of those for all
   */
  putMany(entries: Iterable<PutEntry<V, K>>, options?: PutManyOptions): Promise<void> {
    return abortable(options, () => this.#writes.putMany(entries, options));
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
    return abortable(options, () => this.#writes.deleteMany(keys, options), ONLY_SIGNAL);
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
    const loadKey = load as (key: Key, context: LoadContext) => V | Promise<V>;
    return this.#access.flights.getOrPut(key, loadKey, options);
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
   * A view of the same keys in which a value is only what is picked of it: the properties at some
   * paths, in an object of their own. It has all operations that read, and takes no memory in the
   * store.
   *
   * With the codec "msgpack" what is not picked is not decoded: one field of an object of 10 KiB is
   * read several times as fast as all of it. Other codecs decode values whole. The option `cache`
   * is of whole values, so that a view reads the store.
   *
   * A property that an object does not have is not there in what is picked of it. What is no
   * object, but an array or null, comes back as it is.
   *
   * @param paths names of properties, with dots between those of objects in objects; the name of
   *   one that is picked has no dot
   * @throws {InvalidArgumentError} when there is none, one is no string, or the codec is "binary"
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * type User = { name: string; home: { city: string; zip: number }; visits: number[] };
   * await using store = await open<User>({ capacity: "64MiB" });
   * await store.put("1", { name: "Ada", home: { city: "London", zip: 1 }, visits: [1, 2, 3] });
   * const cards = store.pick("name", "home.city");
   * console.log(await cards.get("1")); // { name: "Ada", home: { city: "London" } }
   * ```
   */
  pick<V2, P extends PathOf<V2>>(
    this: HoldsValues<V2>,
    ...paths: P[]
  ): PickedView<Picked<V2, P>, K>;
  pick(...paths: string[]): PickedView<unknown, K> {
    return new PickedView({ reads: this.#access.pick(paths) });
  }

  /**
   * Deletes all keys, or those of a range. Not atomic as a whole: keys that are put meanwhile may
   * stay.
   *
   * @throws {InvalidArgumentError} for a bound or `reverse` in a store that was opened without
   *   `ordered`
   */
  clear(options?: KeysOptions): Promise<void> {
    return abortable(options, () => this.#access.clear(options));
  }

  /** Like {@linkcode clear}, before it returns. */
  clearSync(options?: RangeOptions): void {
    this.#access.clearSync(options);
  }

  /**
   * A view of the keys that begin with a prefix, in which they are written without it: with all
   * operations on keys, and an iteration, a `count` and a `clear` of its own. It takes no memory in
   * the store, and may be made anew at any time. A namespace may have namespaces.
   *
   * Iteration, `count` and `clear` of a namespace look at every key of the store, unless it was
   * opened with `ordered`: then at those of the namespace.
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
