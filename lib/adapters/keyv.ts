/**
 * A storage adapter of Keyv, versions 5 and 6, on a store of Dinomo.
 *
 * `KeyvDinomo` has the contract of version 5, in which a lifetime is a duration; version 6 translates
 * its own to that by itself. `Keyv6Dinomo` needs no translation, and is for version 6 alone.
 *
 * `KeyvDinomo` has no `namespace` until Keyv 5 gives it one, by which Keyv 6 knows that it
 * is to put namespaces in front of the keys, as version 5 does.
 *
 * @example
 * ```ts
 * import Keyv from "keyv";
 * import { open } from "dinomo";
 * import { KeyvDinomo } from "dinomo/keyv";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const keyv = new Keyv({ store: new KeyvDinomo(store), namespace: "users" });
 * await keyv.set("1", { name: "Ada" }, 60_000);
 * console.log(await keyv.get("1")); // { name: "Ada" }
 * ```
 *
 * @module
 */
import { countDone } from "../core/loop_turn.ts";
import { assertOptions } from "../store/option_names.ts";
import { putsAtOnce } from "../store/store_nature.ts";
import type { StoreOperations } from "../store/store_operations.ts";
import { assertPrefix, type KeyvDinomoOptions } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { KeyvDinomoOptions } from "./adapter_options.ts";
export { Keyv6Dinomo, type Keyv6DinomoEntry } from "./keyv6.ts";
export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** What `set` resolves to. */
const STORED = Promise.resolve(true);

/** An entry that Keyv stores among others. */
export interface KeyvDinomoEntry {
  /** The key. */
  key: string;
  /** The value, as Keyv has made it. */
  value: unknown;
  /** Milliseconds after which it is gone. @default never */
  ttl?: number | undefined;
}

/**
 * Keyv's entries in a store of Dinomo: all threads that attach to the store have them.
 *
 * What Keyv serializes is a string; with `serialize` (in version 6 `serialization`) off, values are
 * stored as the store's codec does it, which is faster, and keeps `Map`, `Date` and the like.
 */
export class KeyvDinomo {
  /** What Keyv 5 puts in front of the keys, and `clear` and `iterator` are about. */
  declare namespace?: string | undefined;
  /**
   * What Keyv 5 looks at before it iterates: it does so only over dialects that it knows, and this
   * is one whose keys have their namespace in front.
   */
  // deno-lint-ignore no-explicit-any
  readonly opts: any = { dialect: "redis", url: "dinomo:" };
  readonly #source: StoreSource<unknown>;
  readonly #prefix: string;
  /** The store, or the part of it whose keys begin with the prefix, as soon as it is open. */
  #keys: StoreOperations<unknown> | undefined;
  /** Whether a value is put by this thread at once: where that waits neither for files nor far KNs. */
  #putsAtOnce = false;

  /**
   * Makes an adapter.
   *
   * @param source a store or a namespace of one, with string keys, which `disconnect` leaves open;
   *   or options, for a store that is opened when it is needed, and closed by `disconnect`
   * @throws {InvalidArgumentError} when it is neither, or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: KeyvDinomoOptions = {}) {
    assertOptions(options, ["prefix"]);
    const { prefix = "" } = options;
    assertPrefix(prefix);
    this.#source = new StoreSource("KeyvDinomo", source);
    this.#prefix = prefix;
  }

  /** Reads a value; undefined if there is none. */
  get(key: string): Promise<unknown> {
    return this.#keys?.get(key) ?? this.#open().then((store) => store.get(key));
  }

  /** Reads values, in the order of the keys. */
  async getMany(keys: string[]): Promise<unknown[]> {
    const store = this.#keys ?? await this.#open();
    return await store.getMany(keys);
  }

  /**
   * Stores a value.
   *
   * @param ttl milliseconds after which it is gone; with 0 or less it is gone at once
   */
  set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (!this.#putsAtOnce || (ttl !== undefined && ttl <= 0)) return this.#set(key, value, ttl);
    try {
      this.#keys!.putSync(key, value, ttl === undefined ? undefined : { ttl });
      return countDone(STORED);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #set(key: string, value: unknown, ttl: number | undefined): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    if (ttl === undefined) await store.put(key, value);
    else if (ttl > 0) await store.put(key, value, { ttl });
    else await store.delete(key);
    return true;
  }

  /** Stores values, and says of each that it did. */
  async setMany(entries: KeyvDinomoEntry[]): Promise<boolean[]> {
    const store = this.#keys ?? await this.#open();
    const isGone = ({ ttl }: KeyvDinomoEntry) => ttl !== undefined && ttl <= 0;
    await store.putMany(
      entries.filter((entry) => !isGone(entry)).map(({ key, value, ttl }) =>
        ttl === undefined ? [key, value] as const : [key, value, { ttl }] as const
      ),
    );
    await store.deleteMany(entries.filter(isGone).map(({ key }) => key));
    return entries.map(() => true);
  }

  /** Deletes a key; whether it existed. */
  async delete(key: string): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    return await store.delete(key);
  }

  /** Deletes keys; whether all of them existed. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    return (await store.deleteMany(keys)).every(Boolean);
  }

  /** Whether a key exists. */
  async has(key: string): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    return await store.has(key);
  }

  /** Whether keys exist, in their order. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    const store = this.#keys ?? await this.#open();
    return await store.hasMany(keys);
  }

  /** Deletes all keys of the namespace; without one, of the store that the adapter was given. */
  async clear(): Promise<void> {
    const store = this.#keys ?? await this.#open();
    await store.clear(rangeOf(this.namespace));
  }

  /** Iterates over the keys of a namespace, which they begin with, and their values. */
  async *iterator(namespace?: string): AsyncGenerator<[string, unknown], void> {
    const store = this.#keys ?? await this.#open();
    for await (const entry of store.entries(rangeOf(namespace))) yield entry;
  }

  /** Ends the adapter: closes the store if the adapter has opened it. */
  async disconnect(): Promise<void> {
    this.#putsAtOnce = false;
    this.#keys = undefined;
    await this.#source.close();
  }

  async #open(): Promise<StoreOperations<unknown>> {
    const store = await this.#source.open();
    this.#keys = this.#prefix === "" ? store : store.namespace(this.#prefix);
    this.#putsAtOnce = putsAtOnce(store);
    return this.#keys;
  }
}

function rangeOf(namespace: string | undefined): { prefix?: string } {
  return namespace === undefined || namespace === "" ? {} : { prefix: `${namespace}:` };
}
