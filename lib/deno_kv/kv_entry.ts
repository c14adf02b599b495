/**
 * Pairs of key and value as Deno KV has them.
 *
 * @module
 */
import { type StoredValue, textOfStamp, valueOf } from "./kv_values.ts";
import type { KvKey } from "./tuple_key.ts";

/** A key, its value, and the versionstamp of the commit that has stored it. */
export interface KvEntry<T> {
  /** The key. */
  key: KvKey;
  /** Its value. */
  value: T;
  /** 20 hexadecimal digits, which grow with each change. */
  versionstamp: string;
}

/** The same for a key that need not exist: value and versionstamp are null then. */
export type KvEntryMaybe<T> = KvEntry<T> | { key: KvKey; value: null; versionstamp: null };

/** The entry of a key, by what is stored. */
export function entryOf<T>(key: KvKey, stored: StoredValue): KvEntry<T> {
  return { key, value: valueOf(stored) as T, versionstamp: textOfStamp(stored) };
}

/** The same for a key that need not exist. */
export function entryMaybeOf<T>(key: KvKey, stored: StoredValue | undefined): KvEntryMaybe<T> {
  return stored === undefined ? { key, value: null, versionstamp: null } : entryOf<T>(key, stored);
}
