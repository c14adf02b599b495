/**
 * The adapter in Keyv 6's own contract: see keyv.ts.
 *
 * @module
 */
import { epochMs } from "../platform/runtime.ts";
import type { KeyvDinomoOptions } from "./adapter_options.ts";
import { KeyvAdapter } from "./keyv_adapter.ts";
import type { StoreOrOptions } from "./store_source.ts";

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
 * where it puts an adapter of its own before a `KeyvDinomo`. So it is faster, and lifetimes end
 * when Keyv says. Keys have their namespace and `::` in front, as those of a `KeyvDinomo` with Keyv
 * 6.
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
export class Keyv6Dinomo extends KeyvAdapter {
  /** By this Keyv 6 knows that `set` takes the moment at which a value expires. */
  // deno-lint-ignore no-explicit-any
  readonly capabilities: any = { expires: true };
  #namespace: string | undefined;

  /**
   * Makes an adapter.
   *
   * @param source as for `KeyvDinomo`
   * @throws {InvalidArgumentError} when it is none, or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: KeyvDinomoOptions = {}) {
    super("Keyv6Dinomo", source, options);
  }

  /** The namespace that everything here is about, as Keyv sets it. */
  get namespace(): string | undefined {
    return this.#namespace;
  }

  set namespace(namespace: string | undefined) {
    this.#namespace = namespace;
    this.forgetKeys();
  }

  /** Stores values, and says of each that it did. */
  setMany(entries: Keyv6DinomoEntry[]): Promise<boolean[]> {
    return this.setEach(entries.map(({ key, value, expires }) => [key, value, expires]));
  }

  /** Deletes keys; of each whether it existed. */
  deleteMany(keys: string[]): Promise<boolean[]> {
    return this.deleteEach(keys);
  }

  /** Deletes all keys of the namespace; without one, of the store that the adapter was given. */
  clear(): Promise<void> {
    return this.clearPrefix("");
  }

  /** Iterates over the keys of the namespace, without it, and their values. */
  iterator(): AsyncGenerator<[string, unknown], void> {
    return this.entriesOf("");
  }

  /** Whether a moment is past. */
  protected override isOver(expires: number): boolean {
    return expires <= epochMs();
  }

  /** A moment as the store's option. */
  protected override putOptionsOf(expires: number): { expiresAt: number } {
    return { expiresAt: expires };
  }

  /** Keyv leaves its namespace to the adapter. */
  protected override get keyPrefix(): string {
    return this.#namespace ? `${this.#namespace}::` : "";
  }
}
