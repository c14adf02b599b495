/**
 * `open`: what an application calls; open_store.ts does it.
 *
 * @module
 */
// What every thread has that uses a store is loaded at once: so much less is left for `open`.
import "./opening/client_parts.ts";
import type { Key } from "../core/key_encoder.ts";
import type { KeyOf, KeyTypes } from "../core/key_types.ts";
import type { OpenOptions } from "./options/options.ts";
import type { Store } from "./store.ts";

/**
 * Opens a store of values that are bytes: allocates the pool, or restores it from the files at
 * `path`, and starts the KNs.
 *
 * @typeParam Types the types of the keys
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {PoolLockedError} when the pool at `path` is open already, in another process or in this
 *   one
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open({ capacity: "64MiB", codec: "binary" });
 * await store.put("pixel", Uint8Array.of(255, 0, 0));
 * console.log(store.getSync("pixel")); // Uint8Array(3) [255, 0, 0]
 * ```
 */
export function open<Types extends KeyTypes = "string">(
  options: OpenOptions<Uint8Array, Types> & { codec: "binary" },
): Promise<Store<Uint8Array, KeyOf<Types>>>;
/**
 * Opens a store whose keys are bytes: allocates the pool, or restores it from the files at `path`,
 * and starts the KNs.
 *
 * @typeParam V the type of the values
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {PoolLockedError} when the pool at `path` is open already, in another process or in this
 *   one
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open<number>({ capacity: "64MiB", keys: "bytes" });
 * await store.put(Uint8Array.of(1, 2), 3);
 * for await (const key of store.keys()) console.log(key.length); // 2
 * ```
 */
export function open<V = unknown>(
  options: OpenOptions<V, "bytes"> & { keys: "bytes" },
): Promise<Store<V, Uint8Array>>;
/**
 * Opens a store whose keys are strings and bytes: allocates the pool, or restores it from the files
 * at `path`, and starts the KNs.
 *
 * @typeParam V the type of the values
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {PoolLockedError} when the pool at `path` is open already, in another process or in this
 *   one
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open<number>({ capacity: "64MiB", keys: "mixed" });
 * await store.put(Uint8Array.of(97), 1);
 * console.log(await store.get("a")); // 1
 * ```
 */
export function open<V = unknown>(
  options: OpenOptions<V, "mixed"> & { keys: "mixed" },
): Promise<Store<V, Key>>;
/**
 * Opens a store: allocates the pool, or restores it from the files at `path`, and starts the KNs.
 *
 * @typeParam V the type of the values
 * @param options see {@linkcode OpenOptions}
 * @throws {InvalidOptionError} for options that are unknown, malformed or contradictory
 * @throws {PathError} when `path` cannot be used
 * @throws {PoolLockedError} when the pool at `path` is open already, in another process or in this
 *   one
 * @throws {FormatError} when a file at `path` is foreign or of a newer format
 * @throws {CorruptionError} when a file at `path` is damaged
 * @throws {NodeFailedError} when a KN cannot be started
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 *
 * await using store = await open<{ name: string }>({ capacity: "64MiB" });
 * await store.put("user:1", { name: "Ada" });
 * console.log(await store.get("user:1")); // { name: "Ada" }
 * ```
 */
export function open<V = unknown>(options?: OpenOptions<V>): Promise<Store<V>>;
export async function open<V, K extends Key>(
  options?: OpenOptions<V, KeyTypes>,
): Promise<Store<V, K>> {
  // What starts threads and looks after them: programs that only import the library do without.
  const [{ openStore }] = await Promise.all([
    import("./open_store.ts"),
    // Read while the other is translated.
    options?.path === undefined || options.processes
      ? undefined
      : import("./opening/path_modules.ts"),
  ]);
  return await openStore(options);
}
