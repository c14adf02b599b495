/**
 * A driver of `unstorage` on a store of Dinomo.
 *
 * @example
 * ```ts
 * import { createStorage } from "unstorage";
 * import { open } from "dinomo";
 * import { dinomoDriver } from "dinomo/unstorage";
 *
 * await using store = await open({ capacity: "64MiB" });
 * const storage = createStorage({ driver: dinomoDriver(store) });
 * await storage.setItem("users:1", { name: "Ada" }, { ttl: 60 });
 * console.log(await storage.getItem("users:1")); // { name: "Ada" }
 * ```
 *
 * @module
 */
import { epochMs, runNextTurn } from "../platform/runtime.ts";
import type { PutOptions } from "../store/arguments/method_options.ts";
import { assertOptions } from "../store/arguments/option_names.ts";
import type { KeyChange } from "../store/watches/prefix_watch.ts";
import { assertPrefix, assertTtl } from "./adapter_options.ts";
import { type StoreOrOptions, StoreSource } from "./store_source.ts";

export type { AnyStore, StoreOrOptions } from "./store_source.ts";

/** Options of a driver. */
export interface DinomoDriverOptions {
  /** What the keys begin with in the store; the storage does not see it. @default "" */
  prefix?: string | undefined;
  /** Milliseconds after which an item is gone that is set without a `ttl`. @default never */
  ttlMs?: number | undefined;
}

/** Options of one call, as unstorage passes them on. */
export interface ItemOptions {
  /**
   * Seconds after which the item is gone, as in unstorage's other drivers. @default the driver's
   */
  ttl?: number | undefined;
  /** Those of other drivers, which have no effect. */
  // deno-lint-ignore no-explicit-any
  [name: string]: any;
}

/** An item that is read among others. */
export interface ItemToGet {
  /** The key. */
  key: string;
}

/** An item that is set among others. */
export interface ItemToSet {
  /** The key. */
  key: string;
  /** The value, as unstorage has made it. */
  value: string;
  /** Options for this item, instead of those for all. */
  options?: ItemOptions | undefined;
}

/** What is known of an item. */
export interface ItemMeta {
  /** Seconds after which it will be gone; absent if it will not. */
  ttl?: number;
  /** Grows with every change of the key. */
  version: number;
}

/** The driver: see the documentation of unstorage. */
export interface DinomoDriver {
  /** Its name. */
  readonly name: "dinomo";
  /** Its options. */
  readonly options: DinomoDriverOptions;
  /** The store, as soon as it is open. */
  // deno-lint-ignore no-explicit-any
  getInstance(): any;
  /** Whether an item exists. */
  hasItem(key: string): Promise<boolean>;
  /** Reads an item; null if there is none. */
  // deno-lint-ignore no-explicit-any
  getItem(key: string): Promise<any>;
  /** Reads items. */
  // deno-lint-ignore no-explicit-any
  getItems(items: ItemToGet[]): Promise<{ key: string; value: any }[]>;
  /** Reads an item as it was set by `setItemRaw`. */
  getItemRaw(key: string): Promise<unknown>;
  /** Sets an item. */
  setItem(key: string, value: string, options?: ItemOptions): Promise<void>;
  /** Sets items. */
  setItems(items: ItemToSet[], options?: ItemOptions): Promise<void>;
  /** Sets an item to a value that the store's codec takes: bytes, with "msgpack" also objects. */
  setItemRaw(key: string, value: unknown, options?: ItemOptions): Promise<void>;
  /** Removes an item. */
  removeItem(key: string): Promise<void>;
  /** What is known of an item; null if there is none. */
  // deno-lint-ignore no-explicit-any
  getMeta(key: string): Promise<any>;
  /** The keys that begin with a base. */
  getKeys(base?: string): Promise<string[]>;
  /** Removes the items whose keys begin with a base. */
  clear(base?: string): Promise<void>;
  /** Ends the driver and its watches; closes the store if the driver has opened it. */
  dispose(): Promise<void>;
  /**
   * Calls back for each change of an item, in whichever thread, until what it returns is called. If
   * changes come faster than they are taken, some are left out.
   */
  watch(callback: (event: "update" | "remove", key: string) => unknown): Promise<() => void>;
}

/**
 * Makes a driver.
 *
 * @param source a store or a namespace of one, with string keys, which `dispose` leaves open; or
 *   options, for a store that is opened when it is needed, and closed by `dispose`
 * @throws {InvalidArgumentError} when the source or an option is not what it must be
 */
export function dinomoDriver(
  source: StoreOrOptions,
  options: DinomoDriverOptions = {},
): DinomoDriver {
  assertOptions(options, ["prefix", "ttlMs"]);
  const { prefix = "", ttlMs } = options;
  assertPrefix(prefix);
  if (ttlMs !== undefined) assertTtl(ttlMs);
  const stored = new StoreSource<unknown>("dinomoDriver", source);
  const watches = new AbortController();

  const lifetimeOf = (item: ItemOptions | undefined): PutOptions | undefined => {
    const ttl = item?.ttl;
    if (ttl === undefined || ttl === 0) return ttlMs === undefined ? undefined : { ttl: ttlMs };
    return { ttl: typeof ttl === "number" ? ttl * 1000 : ttl };
  };
  const rangeOf = (base: string | undefined) => {
    const whole = prefix + (base ?? "");
    return whole === "" ? {} : { prefix: whole };
  };
  const get = async (key: string) => (await (await stored.open()).get(prefix + key)) ?? null;
  const set = async (key: string, value: unknown, item?: ItemOptions) => {
    await (await stored.open()).put(prefix + key, value, lifetimeOf(item));
  };

  return {
    name: "dinomo",
    options,
    getInstance: () => stored.current,
    hasItem: async (key) => await (await stored.open()).has(prefix + key),
    getItem: get,
    getItemRaw: get,
    async getItems(items) {
      const store = await stored.open();
      const values = await store.getMany(items.map(({ key }) => prefix + key));
      return items.map(({ key }, i) => ({ key, value: values[i] ?? null }));
    },
    setItem: set,
    setItemRaw: set,
    async setItems(items, common) {
      const store = await stored.open();
      await store.putMany(
        items.map(({ key, value, options: own }) =>
          [prefix + key, value, lifetimeOf(own ?? common)] as const
        ),
      );
    },
    async removeItem(key) {
      await (await stored.open()).delete(prefix + key);
    },
    async getMeta(key): Promise<ItemMeta | null> {
      const entry = await (await stored.open()).getEntry(prefix + key);
      if (entry === undefined) return null;
      const { version, expiresAt } = entry;
      if (expiresAt === undefined) return { version };
      return { version, ttl: Math.max(0, expiresAt - epochMs()) / 1000 };
    },
    async getKeys(base) {
      const keys: string[] = [];
      for await (const key of (await stored.open()).keys(rangeOf(base))) {
        keys.push(key.slice(prefix.length));
      }
      return keys;
    },
    async clear(base) {
      await (await stored.open()).clear(rangeOf(base));
    },
    async dispose() {
      watches.abort();
      await stored.close();
    },
    async watch(callback) {
      const store = await stored.open();
      const end = new AbortController();
      const signal = AbortSignal.any([end.signal, watches.signal]);
      const changes = store.watch({ prefix }, { signal }) as AsyncIterableIterator<
        KeyChange<string>
      >;
      // Its first item says that it has begun: what is changed from now on is told.
      await changes.next();
      void tellChanges(changes, prefix.length, callback);
      return () => end.abort();
    },
  };
}

/**
 * Tells a listener of changes until the watch is ended, or the store: what has ended that, its
 * operations say.
 */
async function tellChanges(
  changes: AsyncIterator<KeyChange<string>>,
  prefixLength: number,
  callback: (event: "update" | "remove", key: string) => unknown,
): Promise<void> {
  for (;;) {
    const next = await changes.next().catch(() => undefined);
    if (next === undefined || next.done === true) return;
    const change = next.value;
    if (change.kind === "resync") continue;
    try {
      callback(change.kind === "put" ? "update" : "remove", change.key.slice(prefixLength));
    } catch (error) {
      // The application's, as what is thrown in any callback; others are told all the same.
      runNextTurn(() => {
        throw error;
      });
    }
  }
}
