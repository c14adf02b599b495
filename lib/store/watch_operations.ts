/**
 * What tells of changes of the keys of a store.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import { DerivedOperations } from "./derived_operations.ts";
import type { KeyAccess } from "./key_access.ts";
import type { WatchedEntries } from "./key_watch.ts";
import type { WatchOptions } from "./watch_options.ts";

/**
 * The operations by which a thread learns of changes.
 *
 * @typeParam V the type of the values
 * @typeParam K the type of the keys
 */
export abstract class WatchOperations<V, K extends Key = string> extends DerivedOperations<V, K> {
  readonly #access: KeyAccess<V>;

  /** Used by the store only. */
  constructor(access: KeyAccess<V>) {
    super(access);
    this.#access = access;
  }

  /**
   * Iterates over the entries of some keys: first as they are, then again whenever one has changed,
   * by whichever thread, also if it has expired. Each item has all entries, in the order of the
   * keys, as `getEntries` has; those that are the same as in the item before are the same objects.
   *
   * Changes are coalesced: while the consumer does something else, nothing piles up, and what it
   * gets then is the newest. So it does not see every state, but the last one of each key, and
   * never an older one after a newer one. The entries of an item need not be of one moment.
   *
   * It needs no polling, and other keys pay nothing for it. The watch begins with the first call of
   * `next`, and ends with the loop. Unless `keepAlive` is set, the process does not wait for it.
   *
   * @param keys 1 to 1,024 of them
   * @throws {InvalidArgumentError} when there are none, or more, or an option is none
   * @throws {TooManyWatchersError} in the iteration, when 32 other threads watch keys of the store,
   *   or this one has 4,096 watches
   * @throws {StoreClosedError} in the iteration, when the store is closed
   * @throws {DecodeError} in the iteration, for a value that cannot be decoded
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<number>({ capacity: "64MiB" });
   * setTimeout(() => store.put("answer", 42), 10);
   * for await (const [answer] of store.watch(["answer"], { keepAlive: true })) {
   *   console.log(answer?.value); // undefined, then 42
   *   if (answer !== undefined) break;
   * }
   * ```
   */
  watch(keys: Iterable<K>, options?: WatchOptions): AsyncIterableIterator<WatchedEntries<V>> {
    return this.#access.watch(keys, options);
  }
}
