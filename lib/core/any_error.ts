/**
 * What an application asks of something that was thrown.
 *
 * @module
 */
import type { NotInClusterError, UntrustedNodeError } from "./cluster_errors.ts";
import type { CommitTooLargeError, ConflictError, NearOnlyError } from "./commit_errors.ts";
import {
  type CorruptionError,
  type DecodeError,
  DinomoError,
  type DurabilityError,
  type FarOnlyError,
  type FormatError,
  type HostOnlyError,
  type InvalidArgumentError,
  type InvalidKeyError,
  type InvalidOptionError,
  type InvalidValueError,
  type NodeFailedError,
  type NotANumberError,
  type PathError,
  type PoolFullError,
  type PoolLockedError,
  type ReadOnlyError,
  type ReentrantCallError,
  type SnapshotError,
  type StoreClosedError,
  type TooManyClientsError,
  type TooManyReplicatedKeysError,
  type TooManyWatchersError,
  type UnavailableError,
  type ValueTooLargeError,
} from "./errors.ts";

/** Any error of the store: by its `code` TypeScript knows its class. */
export type AnyDinomoError =
  | CommitTooLargeError
  | ConflictError
  | CorruptionError
  | DecodeError
  | DurabilityError
  | FarOnlyError
  | FormatError
  | HostOnlyError
  | InvalidArgumentError
  | InvalidKeyError
  | InvalidOptionError
  | InvalidValueError
  | NearOnlyError
  | NodeFailedError
  | NotANumberError
  | NotInClusterError
  | PathError
  | PoolFullError
  | PoolLockedError
  | ReadOnlyError
  | ReentrantCallError
  | SnapshotError
  | StoreClosedError
  | TooManyClientsError
  | TooManyReplicatedKeysError
  | TooManyWatchersError
  | UnavailableError
  | UntrustedNodeError
  | ValueTooLargeError;

/**
 * Whether something that was thrown is an error of the store.
 *
 * @example
 * ```ts
 * import { isDinomoError, open } from "dinomo";
 *
 * await using store = await open<number>({ capacity: "64MiB" });
 * try {
 *   await store.put("", 1);
 * } catch (error) {
 *   if (!isDinomoError(error)) throw error;
 *   if (error.code === "DINOMO_DECODE") console.log(error.key);
 *   else console.log(error.code); // DINOMO_INVALID_KEY
 * }
 * ```
 */
export function isDinomoError(error: unknown): error is AnyDinomoError {
  return error instanceof DinomoError;
}
