/**
 * The interface of `Deno.Kv` on a store of Dinomo: keys of parts, versionstamps, lists, atomic
 * operations, queues and watches, on Bun, Deno and Node, in all threads of a process.
 *
 * @example
 * ```ts
 * import { openKv } from "dinomo/deno-kv";
 *
 * const kv = await openKv();
 * await kv.set(["greeting", "en"], "hello");
 * console.log((await kv.get(["greeting", "en"])).value); // hello
 * await kv.close();
 * ```
 *
 * @module
 */
export { Kv, type KvStore, openKv } from "./kv.ts";
export {
  type AtomicCheck,
  AtomicOperation,
  type KvCommitError,
  type KvCommitResult,
  type KvMutation,
} from "./kv_atomic.ts";
export type { KvEntry, KvEntryMaybe } from "./kv_entry.ts";
export { type KvConsistencyLevel, KvListIterator, type KvListOptions } from "./kv_list.ts";
export type { EnqueueOptions } from "./kv_queue.ts";
export type { KvListSelector } from "./kv_range.ts";
export { KvU64 } from "./kv_values.ts";
export type { KvKey, KvKeyPart } from "./tuple_key.ts";
