/**
 * Locks with a lease and a fencing token, on a store of Dinomo: for all threads that use it.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { acquireLock } from "dinomo/lock";
 *
 * await using store = await open({ capacity: "64MiB" });
 * {
 *   await using lock = await acquireLock(store, "report");
 *   console.log(lock.isHeld); // true; no other thread has it until the end of the block
 * }
 * ```
 *
 * @module
 */
export {
  acquireLock,
  Lock,
  type LockHolder,
  type LockStore,
  readLock,
  tryAcquireLock,
} from "./lock.ts";
export { LockLostError, LockTimeoutError } from "./lock_errors.ts";
export type { AcquireOptions, LockOptions } from "./lock_options.ts";
