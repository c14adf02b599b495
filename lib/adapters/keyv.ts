/**
 * A storage adapter of Keyv, versions 5 and 6, on a store of Dinomo.
 *
 * `KeyvDinomo` has the contract of version 5, in which a lifetime is a duration; version 6
 * translates its own to that by itself. `Keyv6Dinomo` needs no translation, and is for version 6
 * alone.
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
import type { KeyvDinomoOptions } from "./adapter_options.ts";
import { KeyvAdapter } from "./keyv_adapter.ts";
import type { StoreOrOptions } from "./store_source.ts";

export type { KeyvDinomoOptions } from "./adapter_options.ts";
export { KeyvAdapter } from "./keyv_adapter.ts";
export { Keyv6Dinomo, type Keyv6DinomoEntry } from "./keyv6.ts";
export type { AnyStore, StoreOrOptions } from "./store_source.ts";

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
export class KeyvDinomo extends KeyvAdapter {
  /** What Keyv 5 puts in front of the keys, and `clear` and `iterator` are about. */
  declare namespace?: string | undefined;
  /**
   * What Keyv 5 looks at before it iterates: it does so only over dialects that it knows, and this
   * is one whose keys have their namespace in front.
   */
  // deno-lint-ignore no-explicit-any
  readonly opts: any = { dialect: "redis", url: "dinomo:" };

  /**
   * Makes an adapter.
   *
   * @param source a store or a namespace of one, with string keys, which `disconnect` leaves open;
   *   or options, for a store that is opened when it is needed, and closed by `disconnect`
   * @throws {InvalidArgumentError} when it is neither, or an option is not what it must be
   */
  constructor(source: StoreOrOptions, options: KeyvDinomoOptions = {}) {
    super("KeyvDinomo", source, options);
  }

  /** Stores values, and says of each that it did. */
  setMany(entries: KeyvDinomoEntry[]): Promise<boolean[]> {
    return this.setEach(entries.map(({ key, value, ttl }) => [key, value, ttl]));
  }

  /** Deletes keys; whether all of them existed. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.deleteEach(keys)).every(Boolean);
  }

  /** Deletes all keys of the namespace; without one, of the store that the adapter was given. */
  clear(): Promise<void> {
    return this.clearPrefix(prefixOf(this.namespace));
  }

  /** Iterates over the keys of a namespace, which they begin with, and their values. */
  iterator(namespace?: string): AsyncGenerator<[string, unknown], void> {
    return this.entriesOf(prefixOf(namespace));
  }

  /** Whether milliseconds are none. */
  protected override isOver(ttl: number): boolean {
    return ttl <= 0;
  }

  /** Milliseconds as the store's option. */
  protected override putOptionsOf(ttl: number): { ttl: number } {
    return { ttl };
  }

  /** Keyv puts its namespace in front itself. */
  protected override get keyPrefix(): string {
    return "";
  }
}

function prefixOf(namespace: string | undefined): string {
  return namespace === undefined || namespace === "" ? "" : `${namespace}:`;
}
