/**
 * What an iteration makes of the keys that it comes to, in another process than the one that has
 * the pool.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import type { IterationOptions, ReadOptions } from "../../store/arguments/method_options.ts";
import type { ListedEntry } from "../../wire/entry_list.ts";
import { type RemoteScanParts, scanRemotely } from "./remote_scan.ts";

/** What it reads and decodes by. */
export interface IteratedReads<V> {
  /** Decodes what was found; undefined if that fails, and is passed over. */
  decode(
    found: ReadValue,
    key: Key,
    options: ReadOptions | undefined,
  ): V | undefined | Promise<V | undefined>;
  /** Reads a key again. */
  read(key: Key): Promise<ReadValue | undefined>;
  /** Whether a key exists still. */
  exists(key: Key): Promise<boolean>;
}

/** Iterates over keys and values. */
export function iterateEntries<V>(
  parts: () => RemoteScanParts,
  reads: IteratedReads<V>,
  options: IterationOptions | undefined,
): AsyncGenerator<[Key, V], undefined> {
  const take = async (key: Key, found: ReadValue | undefined): Promise<[Key, V] | undefined> => {
    const value = found && await reads.decode(found, key, options);
    return value === undefined ? undefined : [key, value];
  };
  return scanRemotely(parts, options, {
    withValues: true,
    make: (key, entry) => take(key, foundIn(entry)),
    read: async (key) => await take(key, await reads.read(key)),
  });
}

/** Iterates over keys. */
export function iterateKeys(
  parts: () => RemoteScanParts,
  reads: Pick<IteratedReads<unknown>, "exists">,
  options: IterationOptions | undefined,
): AsyncGenerator<Key, undefined> {
  return scanRemotely(parts, options, {
    withValues: false,
    make: (key) => key,
    read: async (key) => await reads.exists(key) ? key : undefined,
  });
}

/** What a page has of a key. */
function foundIn({ value, version, expiresAtMs }: ListedEntry): ReadValue {
  return { bytes: value!, version, expiresAtMs };
}
