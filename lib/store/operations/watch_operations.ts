/**
 * What tells of changes of the keys of a store.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import type { WatchedEntries } from "../watches/key_watch.ts";
import type { KeyChange } from "../watches/prefix_watch.ts";
import type { WatchOptions } from "../watches/watch_options.ts";
import { DerivedOperations } from "./derived_operations.ts";
import type { KeyAccess } from "./key_access.ts";

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
  watch(keys: Iterable<K>, options?: WatchOptions): AsyncIterableIterator<WatchedEntries<V>>;
  /**
   * Iterates over the changes of all keys that begin with a prefix, one by one: the key, its
   * version, and whether it was put or is gone; the version of a key that is gone is the one that
   * it had. Those of one key are in their order. What is told is durable and visible; that a key
   * has expired is told when it is removed, within a second or so.
   *
   * The first item is of the kind `"resync"`: what is there already is not told. Another one comes
   * when changes may be missing, as the consumer was slower than the changes for too long (4,096 of
   * them wait, and those that come between two of its steps have to fit into 64 KiB), or a KN has
   * failed that may not have told all. Where the keys themselves matter they are to be read then; a
   * change that comes after it may be of before, which its version shows.
   *
   * @param filter the prefix, of which a thread may watch 16 at one time; empty for all keys
   * @throws {InvalidArgumentError} when the prefix or an option is none
   * @throws {TooManyWatchersError} in the iteration, when there are as many as may be
   * @throws {StoreClosedError} in the iteration, when the store is closed
   *
   * @example
   * ```ts
   * import { open } from "dinomo";
   *
   * await using store = await open<string>({ capacity: "64MiB" });
   * setTimeout(() => store.put("chat:1:17", "hello"), 10);
   * for await (const change of store.watch({ prefix: "chat:1:" }, { keepAlive: true })) {
   *   if (change.kind === "resync") continue; // read the keys, if it matters what was there before
   *   console.log(change.kind, change.key); // put chat:1:17
   *   break;
   * }
   * ```
   */
  watch(filter: { prefix: K }, options?: WatchOptions): AsyncIterableIterator<KeyChange<K>>;
  watch(
    what: Iterable<K> | { prefix: K },
    options?: WatchOptions,
  ): AsyncIterableIterator<WatchedEntries<V>> | AsyncIterableIterator<KeyChange<K>> {
    return this.#access.watch(what, options) as
      | AsyncIterableIterator<WatchedEntries<V>>
      | AsyncIterableIterator<KeyChange<K>>;
  }
}
