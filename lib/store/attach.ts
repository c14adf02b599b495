/**
 * `attach`: uses a store in another thread than the one that opened it; attach_store.ts does it.
 *
 * @module
 */
import "./opening/client_parts.ts";
import type { Key } from "../core/key_encoder.ts";
import type { AttachOptions } from "./options/attach_options.ts";
import type { StoreHandle } from "./parts/handle.ts";
import type { Store } from "./store.ts";

/**
 * Attaches this thread to a store that another thread of the process has opened.
 *
 * It reads and writes the store directly, like the thread that opened it. Methods that are about
 * the store as a whole (`scale`, `replicate`, `snapshot`, `backup`, `compact`, `grow`) are refused
 * with a {@linkcode HostOnlyError}. Its place is free again when the store is closed here, or when
 * this thread has ended.
 *
 * @typeParam V the type of the values, and
 * @typeParam K that of the keys, which a handle has that `share()` has returned
 * @param handle what `share()` has returned, there or in another attached thread
 * @throws {InvalidArgumentError} when it is not a handle
 * @throws {InvalidOptionError} when the codec is missing, or another one, or the cache's size
 *   breaks its rule
 * @throws {TooManyClientsError} when as many threads are attached as the store's option `clients`
 *   allows
 * @throws {StoreClosedError} when the store has been closed
 *
 * @example
 * ```ts
 * import { attach, open } from "dinomo";
 *
 * await using store = await open<number>({ capacity: "64MiB" });
 * await store.put("answer", 42);
 *
 * // In a worker: const other = await attach<number>(workerData.handle);
 * const other = await attach<number>(store.share());
 * console.log(other.getSync("answer")); // 42
 * await other.close();
 * ```
 */
export async function attach<V = unknown, K extends Key = string>(
  handle: StoreHandle<V, K>,
  options: AttachOptions<V> = {},
): Promise<Store<V, K>> {
  const { attachStore } = await import("./attach_store.ts");
  return await attachStore(handle, options);
}
