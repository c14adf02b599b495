/**
 * The interface of `Deno.Kv` on a store of Dinomo: on Bun, Deno and Node, in all threads of a
 * process.
 *
 * @module
 */
import { describe, StoreClosedError } from "../core/errors.ts";
import { countDone } from "../platform/loop_turn.ts";
import { open } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { assertStore, putsAtOnce, STORE_OR_NAMESPACE } from "../store/store_nature.ts";
import { assertExpireIn, AtomicOperation, type KvCommitResult, lifetimeOf } from "./kv_atomic.ts";
import { entryMaybeOf, type KvEntryMaybe } from "./kv_entry.ts";
import { type KvConsistencyLevel, KvListIterator, type KvListOptions } from "./kv_list.ts";
import { type EnqueueOptions, KvQueue } from "./kv_queue.ts";
import type { KvListSelector } from "./kv_range.ts";
import { StampClock, storedOf, type StoredValue, textOfStamp } from "./kv_values.ts";
import {
  COMMIT_VERSIONSTAMP,
  encodeReadKey,
  encodeStampedKey,
  encodeStoredKey,
  endsWithStamp,
  type KvKey,
  withStamp,
} from "./tuple_key.ts";

/**
 * A store that can be used as a Deno KV: opened with `ordered: true` and `keys: "mixed"`, of the
 * codec "msgpack".
 */
// deno-lint-ignore no-explicit-any
export type KvStore = Store<any, string | Uint8Array>;

const ENDED = { done: true, value: undefined } as const;

/** A database with the interface of `Deno.Kv`. */
export class Kv implements Disposable {
  readonly #store: Store<StoredValue, Uint8Array>;
  readonly #ownsStore: boolean;
  readonly #clock = new StampClock();
  readonly #queue: KvQueue;
  readonly #closing = new AbortController();
  /**
   * Whether a value is put by this thread at once: where that waits neither for files nor far KNs.
   */
  readonly #putsAtOnce: boolean;
  #isClosed = false;

  /** Used by {@linkcode openKv} only. */
  constructor(store: KvStore, ownsStore: boolean) {
    // Of the keys that may be strings only the queue's are.
    this.#store = store as unknown as Store<StoredValue, Uint8Array>;
    this.#ownsStore = ownsStore;
    this.#queue = new KvQueue(store as never, this.#clock);
    this.#putsAtOnce = putsAtOnce(store);
  }

  /**
   * Reads a key.
   *
   * @throws {TypeError} when it is no key
   */
  async get<T = unknown>(
    key: KvKey,
    options?: { consistency?: KvConsistencyLevel },
  ): Promise<KvEntryMaybe<T>> {
    assertConsistency(options);
    this.#assertOpen();
    return entryMaybeOf<T>(key, await this.#store.get(encodeReadKey(key)));
  }

  /**
   * Reads some keys, all at one moment.
   *
   * @throws {TypeError} when one is no key
   */
  async getMany<T extends readonly unknown[]>(
    keys: readonly [...{ [I in keyof T]: KvKey }],
    options?: { consistency?: KvConsistencyLevel },
  ): Promise<{ [I in keyof T]: KvEntryMaybe<T[I]> }> {
    assertConsistency(options);
    this.#assertOpen();
    const bytes = (keys as readonly KvKey[]).map(encodeReadKey);
    const stored = await this.#store.getMany(bytes, { consistent: true });
    const entries = (keys as readonly KvKey[]).map((key, i) => entryMaybeOf(key, stored[i]));
    return entries as { [I in keyof T]: KvEntryMaybe<T[I]> };
  }

  /**
   * Stores a value, for `expireIn` milliseconds if that is given. The last part of the key may be
   * what {@linkcode Kv.commitVersionstamp} returns.
   *
   * @throws {TypeError} when it is no key, or an option is not what it must be
   * @throws {InvalidValueError} when the value would not come back
   */
  set(
    key: KvKey,
    value: unknown,
    options?: { expireIn?: number },
  ): Promise<KvCommitResult> {
    try {
      assertExpireIn(options?.expireIn);
      this.#assertOpen();
      const stamp = this.#clock.next();
      const versionstamp = textOfStamp(stamp);
      const bytes = endsWithStamp(key)
        ? withStamp(encodeStampedKey(key), versionstamp)
        : encodeStoredKey(key);
      const stored = storedOf(stamp, value);
      const lifetime = lifetimeOf(options?.expireIn);
      const result: KvCommitResult = { ok: true, versionstamp };
      if (!this.#putsAtOnce) return this.#store.put(bytes, stored, lifetime).then(() => result);
      this.#store.putSync(bytes, stored, lifetime);
      return countDone(Promise.resolve(result));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Deletes a key. */
  async delete(key: KvKey): Promise<void> {
    this.#assertOpen();
    await this.#store.delete(encodeStoredKey(key));
  }

  /**
   * Iterates over entries in the order of their keys: the parts one after the other, and of those
   * bytes before strings, bigints, numbers and booleans.
   *
   * @throws {TypeError} when the selector or an option is not what it must be
   */
  list<T = unknown>(selector: KvListSelector, options?: KvListOptions): KvListIterator<T> {
    assertConsistency(options);
    this.#assertOpen();
    return new KvListIterator<T>(this.#store, selector, options);
  }

  /** Begins an atomic operation. */
  atomic(): AtomicOperation {
    this.#assertOpen();
    return new AtomicOperation(this.#store, this.#clock, this.#queue);
  }

  /** Adds a message to the queue; it is delivered at least once. */
  async enqueue(value: unknown, options?: EnqueueOptions): Promise<KvCommitResult> {
    return await this.atomic().enqueue(value, options).commit() as KvCommitResult;
  }

  /**
   * Delivers the messages of the queue to a handler, one of all listeners in all threads each,
   * until this is closed. The process does not wait for it.
   */
  // deno-lint-ignore no-explicit-any
  async listenQueue(handler: (value: any) => unknown): Promise<void> {
    this.#assertOpen();
    if (typeof handler !== "function") {
      throw new TypeError(`handler must be a function, got ${describe(handler)}`);
    }
    await this.#queue.listen(handler, this.#closing.signal);
  }

  /**
   * Watches some keys: a stream of all their entries, as they are, and again when one has changed.
   * States that come and go before the consumer looks are not seen. It keeps the process alive
   * until it is cancelled, or this is closed.
   *
   * @throws {TypeError} when one is no key
   */
  watch<T extends readonly unknown[]>(
    keys: readonly [...{ [I in keyof T]: KvKey }],
    _options?: { raw?: boolean },
  ): ReadableStream<{ [I in keyof T]: KvEntryMaybe<T[I]> }> {
    this.#assertOpen();
    const list = keys as readonly KvKey[];
    const bytes = list.map(encodeReadKey);
    const { signal } = this.#closing;
    const changes = this.#store.watch(bytes, { signal, keepAlive: true });
    return new ReadableStream({
      async pull(controller) {
        const next = await changes.next().catch((error: unknown) => {
          if (signal.aborted) return ENDED;
          throw error;
        });
        if (next.done === true) return controller.close();
        const entries = list.map((key, i) => entryMaybeOf(key, next.value[i]?.value));
        controller.enqueue(entries as { [I in keyof T]: KvEntryMaybe<T[I]> });
      },
      async cancel() {
        await changes.return?.();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * A placeholder for the versionstamp of a commit, as the last part of a key that the commit sets:
   * there it becomes the string that the commit returns.
   */
  commitVersionstamp(): symbol {
    return COMMIT_VERSIONSTAMP;
  }

  /**
   * Ends it: its listeners and watches end, and what is called later is refused with a
   * `StoreClosedError`. A store that {@linkcode openKv} has opened is closed, one that it was given
   * is not.
   */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.abort();
    return this.#ownsStore ? this.#store.close() : Promise.resolve();
  }

  /** Ends it: for `using`. */
  [Symbol.dispose](): void {
    void this.close();
  }

  #assertOpen(): void {
    if (!this.#isClosed) return;
    throw new StoreClosedError("a database must be used before its close(), got a call after it");
  }
}

/**
 * Opens a database with the interface of `Deno.Kv`.
 *
 * @param source a store (host or attached) that is opened with `ordered: true` and `keys: "mixed"`;
 *   or the path of a directory, for a database whose changes survive a crash of the process; or
 *   nothing, or ":memory:", for one in memory
 * @throws {InvalidArgumentError} when it is an object, and no store
 *
 * @example
 * ```ts
 * import { openKv } from "dinomo/deno-kv";
 *
 * const kv = await openKv();
 * await kv.set(["users", "ada"], { visits: 1 });
 * const ada = await kv.get<{ visits: number }>(["users", "ada"]);
 * const commit = await kv.atomic().check(ada).set(["users", "ada"], { visits: 2 }).commit();
 * console.log(commit.ok); // true
 * for await (const { key, value } of kv.list({ prefix: ["users"] })) console.log(key[1], value);
 * await kv.close();
 * ```
 */
export async function openKv(source?: string | KvStore): Promise<Kv> {
  if (typeof source === "object") {
    assertStore(source, STORE_OR_NAMESPACE);
    return new Kv(source, false);
  }
  const options = { ordered: true, keys: "mixed" } as const;
  const isInMemory = source === undefined || source === ":memory:";
  const store = isInMemory ? await open(options) : await open({ ...options, path: source });
  return new Kv(store as KvStore, true);
}

function assertConsistency(
  { consistency = "strong" }: { consistency?: KvConsistencyLevel | undefined } = {},
): void {
  if (consistency === "strong" || consistency === "eventual") return;
  throw new TypeError(
    `consistency must be "strong" or "eventual", got ${describe(consistency)}`,
  );
}
