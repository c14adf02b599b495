/**
 * What reads the keys of a store.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import {
  abortable,
  type AbortOptions,
  iterateUntilAborted,
  ONLY_SIGNAL,
} from "../arguments/abort.ts";
import { assertEndOptions, assertKeysOptions } from "../arguments/arguments.ts";
import type { Entry } from "../arguments/entry.ts";
import type {
  EndOptions,
  EndSyncOptions,
  IterationOptions,
  IterationSyncOptions,
  KeysOptions,
  RangeOptions,
  ReadManyOptions,
  ReadManySyncOptions,
} from "../arguments/method_options.ts";
import type { StoreReads } from "../reads/reads.ts";
import type { KeyAccess } from "./key_access.ts";

/**
 * The operations that read the keys and values of a {@linkcode Store}.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class ReadOperations<V, K extends Key = string> {
  readonly #reads: StoreReads<V>;

  /** Used by the store only. */
  constructor(access: Pick<KeyAccess<V>, "reads">) {
    this.#reads = access.reads;
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
   * Reads many values, in the order of the keys. With `consistent` there is a moment at which all
   * of them were current.
   *
   * While there are many, timers and sockets get their turn; an array of keys may be changed
   * meanwhile, the keys in it may not. With `consistent` keys are taken in the call, and the pool
   * is read in one turn. If other threads change the keys again and again, all KNs are held up for
   * a millisecond or so, and the read gets through. In the far placement that cannot be done: the
   * keys are read again for two seconds, and then the read is refused.
   *
   * @throws {DecodeError} for a value that cannot be decoded, unless `onDecodeError` is given: then
   *   that is called, and undefined stands for the value
   * @throws {UnavailableError} with `consistent`, when no such moment was found for two seconds: in
   *   the near placement because a KN has not ended a step, in the far one also because the keys
   *   changed too often. It may be called again
   */
  getMany(keys: Iterable<K>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    return abortable(options, () => this.#reads.getMany(keys, options));
  }

  /** Like {@linkcode getMany}, before it returns. */
  getManySync(keys: Iterable<K>, options?: ReadManySyncOptions): (V | undefined)[] {
    return this.#reads.getManySync(keys, options);
  }

  /** Like {@linkcode getMany}, with versions and expiry times. */
  getEntries(keys: Iterable<K>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    return abortable(options, () => this.#reads.getEntries(keys, options));
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
    return abortable(options, () => this.#reads.hasMany(keys, options), ONLY_SIGNAL);
  }

  /** Like {@linkcode hasMany}, before it returns. */
  hasManySync(keys: Iterable<K>): boolean[] {
    return this.#reads.hasManySync(keys);
  }

  /**
   * Iterates over keys and values, in a store that was opened with `ordered` in the order of the
   * keys' bytes, otherwise in no particular order. Every key that exists from beginning to end is
   * seen exactly once; keys that come or go meanwhile may be seen or not. The value is the
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
   * Iterates over keys and values like {@linkcode entries}, without a turn of the event loop:
   * timers and sockets wait until the loop around it ends. It begins by blocking until all that
   * this thread has issued before has ended.
   *
   * @throws {DecodeError} as {@linkcode entries} does
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * await store.put("a", 1);
   * console.log([...store.entriesSync()]); // [["a", 1]]
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
    for (const [, value] of this.#reads.entriesSync(options, "valuesSync")) yield value;
  }

  /**
   * The first key of a range and its value, in a store that was opened with `ordered`.
   *
   * @returns undefined if there is no key
   * @throws {InvalidArgumentError} in a store that was opened without `ordered`
   * @throws {DecodeError} as {@linkcode entries} does
   */
  first(options?: EndOptions): Promise<[K, V] | undefined> {
    return this.#end(options, false);
  }

  /** Like {@linkcode first}, before it returns. */
  firstSync(options?: EndSyncOptions): [K, V] | undefined {
    return this.#endSync(options, false);
  }

  /** The last key of a range and its value, like {@linkcode first}. */
  last(options?: EndOptions): Promise<[K, V] | undefined> {
    return this.#end(options, true);
  }

  /** Like {@linkcode last}, before it returns. */
  lastSync(options?: EndSyncOptions): [K, V] | undefined {
    return this.#endSync(options, true);
  }

  /**
   * Counts the keys of a range, or all, by looking at each of them; those that have expired are not
   * counted. {@linkcode count} is the number of all keys, and costs nothing.
   *
   * @throws {InvalidArgumentError} for a bound or `reverse` in a store that was opened without
   *   `ordered`
   */
  async countKeys(options?: KeysOptions): Promise<number> {
    assertKeysOptions(options, false);
    let count = 0;
    for await (const _ of this.keys(options)) count += 1;
    return count;
  }

  /** Like {@linkcode countKeys}, before it returns. */
  countKeysSync(options?: RangeOptions): number {
    assertKeysOptions(options, true);
    let count = 0;
    for (const _ of this.#reads.keysSync(options, "countKeysSync")) count += 1;
    return count;
  }

  /**
   * Number of keys, those included that have expired within the last second but were not removed
   * yet.
   */
  get count(): number {
    return this.#reads.count();
  }

  async #end(options: EndOptions | undefined, reverse: boolean): Promise<[K, V] | undefined> {
    this.#reads.assertOrdered(reverse ? "last" : "first");
    assertEndOptions(options, false);
    for await (const entry of this.entries(onlyFirst(options, reverse))) return entry;
    return undefined;
  }

  #endSync(options: EndSyncOptions | undefined, reverse: boolean): [K, V] | undefined {
    const method = reverse ? "lastSync" : "firstSync";
    this.#reads.assertOrdered(method);
    assertEndOptions(options, true);
    const entries = this.#reads.entriesSync(onlyFirst(options, reverse), method);
    for (const entry of entries) return entry as [K, V];
    return undefined;
  }
}

/**
 * Options of an iteration that ends with the first entry, or the last: also by what they inherit.
 */
function onlyFirst(options: EndOptions | undefined, reverse: boolean): IterationOptions {
  return Object.assign(Object.create(options ?? null), { reverse, limit: 1 });
}
