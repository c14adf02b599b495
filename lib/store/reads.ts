/**
 * What reads a store: `NearReads` where every thread reads the pool itself, `FarStoreReads` where
 * KNs do.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import type { IterationOptions, ReadOptions } from "./arguments.ts";
import type { Entry } from "./entry.ts";
import type { PendingRead } from "./update_turn.ts";

/** The methods of a store that read: see there. */
export interface StoreReads<V> {
  get(key: Key): Promise<V | undefined>;
  getSync(key: Key): V | undefined;
  getMany(keys: Iterable<Key>, options?: ReadOptions): Promise<(V | undefined)[]>;
  getEntry(key: Key): Promise<Entry<V> | undefined>;
  getEntrySync(key: Key): Entry<V> | undefined;
  has(key: Key): Promise<boolean>;
  hasSync(key: Key): boolean;
  entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]>;
  keys(options?: IterationOptions): AsyncIterableIterator<Key>;
  entriesSync(options?: IterationOptions): IterableIterator<[Key, V]>;
  keysSync(options?: IterationOptions): IterableIterator<Key>;
  count(): number;
  /** The slots in which there may be keys that were put before now, for this thread. */
  usedSlots(): readonly Slot[];
  /** Begins the read of an update: of a value that is the update's own, and not from the cache. */
  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V>;
  /** Lets go of everything that leads to the pool. */
  letGo(): void;
}
