/**
 * What a watch is asked for.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import type { Key } from "../../core/key_encoder.ts";
import { WATCH_KEYS_MAX } from "../../core/limits.ts";
import { type AbortOptions, assertSignal } from "../arguments/abort.ts";
import { ownKeys } from "../arguments/arguments.ts";
import { rangeOf } from "../arguments/key_range.ts";
import { assertOptions } from "../arguments/option_names.ts";

/** Options of a watch. */
export interface WatchOptions extends AbortOptions {
  /** Whether the process goes on as long as the watch does. @default false */
  keepAlive?: boolean | undefined;
}

/** Checks the options of a watch. */
export function assertWatchOptions(options: WatchOptions | undefined): void {
  if (options === undefined) return;
  assertOptions(options, ["signal", "keepAlive"]);
  assertSignal(options.signal);
  const keepAlive: unknown = options.keepAlive;
  if (keepAlive === undefined || typeof keepAlive === "boolean") return;
  throw new InvalidArgumentError(`keepAlive must be a boolean, got ${describe(keepAlive)}`);
}

/** What a watch of many keys is of. */
export interface WatchFilter {
  /** What the keys begin with; empty for all keys. */
  prefix: Key;
}

/**
 * The prefix of a watch, that of its namespace included, if it is one of that kind.
 *
 * @param namespace prefix of the namespace; empty for a store
 */
export function watchedPrefixOf(filter: unknown, namespace: Uint8Array): Uint8Array | undefined {
  const isFilter = typeof filter === "object" && filter !== null && !(Symbol.iterator in filter);
  if (!isFilter) return undefined;
  assertOptions(filter, ["prefix"]);
  return rangeOf(filter as WatchFilter, namespace, true).prefix.slice();
}

/** The keys of a watch, which its caller cannot change. */
export function watchedKeysOf(keys: Iterable<Key>): Key[] {
  const list = ownKeys(keys);
  if (list.length >= 1 && list.length <= WATCH_KEYS_MAX) return list;
  throw new InvalidArgumentError(
    `keys must be 1 to ${WATCH_KEYS_MAX} to be watched, got ${list.length}`,
  );
}
