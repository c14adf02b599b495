/**
 * What reads a store: `NearReads` where every thread reads the pool itself, `FarStoreReads` where
 * KNs do.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { AbortOptions } from "../arguments/abort.ts";
import type { Entry } from "../arguments/entry.ts";
import type {
  IterationOptions,
  IterationSyncOptions,
  ReadManyOptions,
  ReadManySyncOptions,
} from "../arguments/method_options.ts";
import type { ReadParts } from "../parts/store_parts.ts";
import type { TransactionReads } from "./transaction_reads.ts";
import type { PendingRead } from "../arguments/update_turn.ts";

/** The methods of a store that read: see there. */
export interface StoreReads<V> {
  get(key: Key): Promise<V | undefined>;
  getSync(key: Key): V | undefined;
  getMany(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(V | undefined)[]>;
  getManySync(keys: Iterable<Key>, options?: ReadManySyncOptions): (V | undefined)[];
  getEntries(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]>;
  getEntriesSync(keys: Iterable<Key>, options?: ReadManySyncOptions): (Entry<V> | undefined)[];
  hasMany(keys: Iterable<Key>, options?: AbortOptions): Promise<boolean[]>;
  hasManySync(keys: Iterable<Key>): boolean[];
  getEntry(key: Key): Promise<Entry<V> | undefined>;
  getEntrySync(key: Key): Entry<V> | undefined;
  /**
   * Like `getEntry`, and without a promise if the entry can be read at once; then it may throw. Not
   * there if no entry ever can.
   */
  readEntry?(key: Key): Promise<Entry<V> | undefined> | Entry<V> | undefined;
  has(key: Key): Promise<boolean>;
  hasSync(key: Key): boolean;
  entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]>;
  keys(options?: IterationOptions): AsyncIterableIterator<Key>;
  /** `method` is what an error names that has been called. */
  entriesSync(options?: IterationSyncOptions, method?: string): IterableIterator<[Key, V]>;
  keysSync(options?: IterationSyncOptions, method?: string): IterableIterator<Key>;
  count(): number;
  /** Throws, naming a method that needs it, unless the store knows the order of its keys. */
  assertOrdered(method: string): void;
  /**
   * Whether all keys are deleted slot by slot; otherwise they are listed, and deleted one by one.
   */
  readonly clearsSlots: boolean;
  /** The slots in which there may be keys that were put before now, for this thread. */
  usedSlots(): readonly Slot[];
  /** Reads with the parts of a namespace, or with another codec. */
  within<V2>(parts: ReadParts<V2>): StoreReads<V2>;
  /** Makes what a transaction reads by. */
  forTransactions(): TransactionReads<V>;
  /** Begins the read of an update: of a value that is the update's own, and not from the cache. */
  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V>;
  /** Lets go of everything that leads to the pool. */
  letGo(): void;
}
