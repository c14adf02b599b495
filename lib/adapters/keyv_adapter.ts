/**
 * What an adapter of Keyv does, whichever of Keyv's contracts it has: see keyv.ts and keyv6.ts.
 *
 * @module
 */
import { countDone } from "../platform/loop_turn.ts";
import type { PutOptions } from "../store/arguments/method_options.ts";
import { assertOptions } from "../store/arguments/option_names.ts";
import type { StoreOperations } from "../store/operations/store_operations.ts";
import { putsAtOnce } from "../store/store_nature.ts";
import { assertPrefix, type KeyvDinomoOptions } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

/** What `set` resolves to. */
const STORED = Promise.resolve(true);

/**
 * Keyv's entries in a store of Dinomo: what `KeyvDinomo` and `Keyv6Dinomo` have in common. What
 * differs is what a lifetime is, and who puts namespaces in front of keys.
 */
export abstract class KeyvAdapter {
  readonly #source: StoreSource<unknown>;
  readonly #prefix: string;
  /** The store, or the part of it that has the adapter's keys, as soon as it is open. */
  #keys: StoreOperations<unknown> | undefined;
  /**
   * Whether a value is put by this thread at once: where that waits neither for files nor far KNs.
   */
  #putsAtOnce = false;

  /** Makes an adapter, which messages call by its name. */
  protected constructor(name: string, source: StoreOrOptions, options: KeyvDinomoOptions) {
    assertOptions(options, ["prefix"]);
    const { prefix = "" } = options;
    assertPrefix(prefix);
    this.#source = new StoreSource(name, source);
    this.#prefix = prefix;
  }

  /** Whether a lifetime, as the contract has it, is over before it begins. */
  protected abstract isOver(lifetime: number): boolean;

  /** A lifetime in the words of the store. */
  protected abstract putOptionsOf(lifetime: number): { ttl: number } | { expiresAt: number };

  /** What the keys begin with that Keyv leaves to the adapter: a namespace, if it does. */
  protected abstract get keyPrefix(): string;

  /** Reads a value; undefined if there is none. */
  get(key: string): Promise<unknown> {
    return this.#keys?.get(key) ?? this.#open().then((keys) => keys.get(key));
  }

  /** Reads values, in the order of the keys. */
  async getMany(keys: string[]): Promise<unknown[]> {
    return await (await this.#open()).getMany(keys);
  }

  /**
   * Stores a value.
   *
   * @param lifetime milliseconds after which it is gone; of a `Keyv6Dinomo` when it is gone, in
   *   milliseconds since the epoch. If that is over already, the key is removed
   */
  set(key: string, value: unknown, lifetime?: number): Promise<boolean> {
    if (!this.#putsAtOnce || this.#isOver(lifetime)) return this.#set(key, value, lifetime);
    try {
      this.#keys!.putSync(key, value, this.#optionsOf(lifetime));
      return countDone(STORED);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #set(key: string, value: unknown, lifetime: number | undefined): Promise<boolean> {
    const keys = await this.#open();
    if (this.#isOver(lifetime)) await keys.delete(key);
    else await keys.put(key, value, this.#optionsOf(lifetime));
    return true;
  }

  /** Stores values with their lifetimes, and says of each that it did. */
  protected async setEach(
    entries: readonly (readonly [key: string, value: unknown, lifetime: number | undefined])[],
  ): Promise<boolean[]> {
    const keys = await this.#open();
    // Of entries with one key the last one counts.
    const last = Array.from(new Map(entries.map((entry) => [entry[0], entry])).values());
    // Time goes on: an entry is asked once.
    const over = new Set(last.filter(([, , lifetime]) => this.#isOver(lifetime)));
    await keys.putMany(
      last.filter((entry) => !over.has(entry)).map(([key, value, lifetime]) =>
        [key, value, this.#optionsOf(lifetime)] as const
      ),
    );
    await keys.deleteMany([...over].map(([key]) => key));
    return entries.map(() => true);
  }

  /** Deletes a key; whether it existed. */
  async delete(key: string): Promise<boolean> {
    return await (await this.#open()).delete(key);
  }

  /** Deletes keys, and says of each whether it existed. */
  protected async deleteEach(keys: string[]): Promise<boolean[]> {
    return await (await this.#open()).deleteMany(keys);
  }

  /** Deletes the adapter's keys that have a prefix. */
  protected async clearPrefix(prefix: string): Promise<void> {
    await (await this.#open()).clear(rangeOf(prefix));
  }

  /** Iterates over the adapter's keys that have a prefix, and their values. */
  protected entriesOf(prefix: string): AsyncGenerator<[string, unknown], void> {
    return this.#entriesOf(prefix, this.keyPrefix);
  }

  async *#entriesOf(prefix: string, keyPrefix: string): AsyncGenerator<[string, unknown], void> {
    yield* (await this.#open(keyPrefix)).entries(rangeOf(prefix));
  }

  /** Whether a key exists. */
  async has(key: string): Promise<boolean> {
    return await (await this.#open()).has(key);
  }

  /** Whether keys exist, in their order. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    return await (await this.#open()).hasMany(keys);
  }

  /** Ends the adapter: closes the store if the adapter has opened it. */
  async disconnect(): Promise<void> {
    this.forgetKeys();
    await this.#source.close();
  }

  /** The next operation asks again where the keys are. */
  protected forgetKeys(): void {
    this.#keys = undefined;
    this.#putsAtOnce = false;
  }

  /** The keys of the namespace in which an operation begins: Keyv may set another one meanwhile. */
  async #open(keyPrefix = this.keyPrefix): Promise<StoreOperations<unknown>> {
    if (this.#keys !== undefined && keyPrefix === this.keyPrefix) return this.#keys;
    const store = await this.#source.open();
    const prefix = this.#prefix + keyPrefix;
    const keys = prefix === "" ? store : store.namespace(prefix);
    // If the application has disconnected meanwhile, this operation ends, and no other begins.
    if (this.#source.isClosed || keyPrefix !== this.keyPrefix) return keys;
    this.#putsAtOnce = putsAtOnce(store);
    return this.#keys = keys;
  }

  #isOver(lifetime: number | undefined): boolean {
    return lifetime !== undefined && this.isOver(lifetime);
  }

  #optionsOf(lifetime: number | undefined): PutOptions | undefined {
    return lifetime === undefined ? undefined : this.putOptionsOf(lifetime);
  }
}

function rangeOf(prefix: string): { prefix?: string } {
  return prefix === "" ? {} : { prefix };
}
