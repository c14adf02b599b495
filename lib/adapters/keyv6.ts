/**
 * The adapter in Keyv 6's own contract: see keyv.ts.
 *
 * @module
 */
import { countDone } from "../core/loop_turn.ts";
import { epochMs } from "../core/runtime.ts";
import { assertOptions } from "../store/option_names.ts";
import { putsAtOnce } from "../store/store_nature.ts";
import type { StoreOperations } from "../store/store_operations.ts";
import { assertPrefix, type KeyvDinomoOptions } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

/** What `set` resolves to. */
const STORED = Promise.resolve(true);

/** An entry that Keyv 6 stores among others. */
export interface Keyv6DinomoEntry {
  /** The key. */
  key: string;
  /** The value, as Keyv has made it. */
  value: unknown;
  /** When it is gone, in milliseconds since the epoch. @default never */
  expires?: number | undefined;
}

/**
 * Keyv's entries in a store of Dinomo, in the contract of version 6 alone: Keyv uses it as it is,
 * where it puts an adapter of its own before a `KeyvDinomo`. So it is faster, and lifetimes end when
 * Keyv says. Keys have their namespace and `::` in front, as those of a `KeyvDinomo` with Keyv 6.
 *
 * @example
 * ```ts
 * import Keyv from "keyv6"; // keyv6@npm:keyv@6
 * import { open } from "dinomo";
 * import { Keyv6Dinomo } from "dinomo/keyv";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const keyv = new Keyv({ store: new Keyv6Dinomo(store), namespace: "users" });
 * await keyv.set("1", { name: "Ada" }, 60_000);
 * console.log(await keyv.get("1")); // { name: "Ada" }
 * ```
 */
export class Keyv6Dinomo {
  /** By this Keyv 6 knows that `set` takes the moment at which a value expires. */
  // deno-lint-ignore no-explicit-any
  readonly capabilities: any = { expires: true };
  readonly #source: StoreSource<unknown>;
  readonly #prefix: string;
  #namespace: string | undefined;
  /** The keys of the namespace, as soon as the store is open. */
  #keys: StoreOperations<unknown> | undefined;
  /** See `KeyvDinomo`. */
  #putsAtOnce = false;

  /**
   * Makes an adapter.
   *
   * @param source as for `KeyvDinomo`
   * @throws {InvalidArgumentError} when it is none, or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: KeyvDinomoOptions = {}) {
    assertOptions(options, ["prefix"]);
    const { prefix = "" } = options;
    assertPrefix(prefix);
    this.#source = new StoreSource("Keyv6Dinomo", source);
    this.#prefix = prefix;
  }

  /** The namespace that everything here is about, as Keyv sets it. */
  get namespace(): string | undefined {
    return this.#namespace;
  }

  set namespace(namespace: string | undefined) {
    this.#namespace = namespace;
    this.#keys = undefined;
    this.#putsAtOnce = false;
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
   * @param expires when it is gone, in milliseconds since the epoch; what is past removes the key
   */
  set(key: string, value: unknown, expires?: number): Promise<boolean> {
    if (!this.#putsAtOnce || isPast(expires)) return this.#set(key, value, expires);
    try {
      this.#keys!.putSync(key, value, expires === undefined ? undefined : { expiresAt: expires });
      return countDone(STORED);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #set(key: string, value: unknown, expires: number | undefined): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    if (isPast(expires)) await store.delete(key);
    else if (expires === undefined) await store.put(key, value);
    else await store.put(key, value, { expiresAt: expires });
    return true;
  }

  /** Stores values, and says of each that it did. */
  async setMany(entries: Keyv6DinomoEntry[]): Promise<boolean[]> {
    const store = this.#keys ?? await this.#open();
    // Time goes on: an entry is asked once.
    const past = new Set(entries.filter(({ expires }) => isPast(expires)));
    await store.putMany(
      entries.filter((entry) => !past.has(entry)).map(({ key, value, expires }) =>
        expires === undefined
          ? [key, value] as const
          : [key, value, { expiresAt: expires }] as const
      ),
    );
    await store.deleteMany([...past].map(({ key }) => key));
    return entries.map(() => true);
  }

  /** Deletes a key; whether it existed. */
  async delete(key: string): Promise<boolean> {
    const store = this.#keys ?? await this.#open();
    return await store.delete(key);
  }

  /** Deletes keys; of each whether it existed. */
  async deleteMany(keys: string[]): Promise<boolean[]> {
    const store = this.#keys ?? await this.#open();
    return await store.deleteMany(keys);
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
    await store.clear();
  }

  /** Iterates over the keys of the namespace, without it, and their values. */
  async *iterator(): AsyncGenerator<[string, unknown], void> {
    const store = this.#keys ?? await this.#open();
    for await (const entry of store.entries()) yield entry;
  }

  /** Ends the adapter: closes the store if the adapter has opened it. */
  async disconnect(): Promise<void> {
    this.#putsAtOnce = false;
    this.#keys = undefined;
    await this.#source.close();
  }

  async #open(): Promise<StoreOperations<unknown>> {
    const store = await this.#source.open();
    const prefix = this.#prefix + (this.#namespace ? `${this.#namespace}::` : "");
    this.#keys = prefix === "" ? store : store.namespace(prefix);
    this.#putsAtOnce = putsAtOnce(store);
    return this.#keys;
  }
}

function isPast(expires: number | undefined): boolean {
  return expires !== undefined && expires <= epochMs();
}
