/**
 * Reads in the far placement: they are requests to the KNs that own the keys.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { ValueDecoder } from "../../codec/codec.ts";
import type { Slot } from "../../core/brands.ts";
import { assert } from "../../core/assert.ts";
import { DecodeError } from "../../core/errors.ts";
import { type Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { Pool } from "../../pool/pool.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import type { AbortOptions } from "../../store/arguments/abort.ts";
import { type AbsenceMark, markAbsence } from "../../store/reads/absence.ts";
import {
  isConsistent,
  keysOfMoment,
  ownKey,
  ownKeys,
  passOver,
} from "../../store/arguments/arguments.ts";
import type {
  IterationOptions,
  IterationSyncOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "../../store/arguments/method_options.ts";
import {
  type Found,
  isOfOneMoment,
  lookUntilFound,
  lookUntilFoundSync,
} from "../../store/reads/consistent_reads.ts";
import { type Entry, entryOf } from "../../store/arguments/entry.ts";
import type { IndexedKeys } from "../../store/reads/indexed_keys.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { StoreReads } from "../../store/reads/reads.ts";
import { RequestedReads } from "../../store/reads/requested_reads.ts";
import type { ReadParts } from "../../store/parts/store_parts.ts";
import type { PendingRead } from "../../store/arguments/update_turn.ts";
import { ReadCompletion, type RoutedReads } from "../client/routed_reads.ts";
import { FarScan } from "./far_scan.ts";
import { LogMerge } from "./log_merge.ts";

/** Keys of an iteration that KNs are asked for at one time: each alone would cost a round trip. */
const KEYS_PER_BURST = 64;
/** The same of a `getMany`: enough to keep KNs busy, and few enough to let the event loop turn. */
const KEYS_PER_READ = 256;
/**
 * Reads of a far pool by one thread.
 *
 * What looks at the index as a whole (`count`, iteration) first has the KNs merge what they have
 * logged. Values are decoded when the answers have been taken from the rings: decoding may need
 * another read.
 */
export class FarStoreReads<V> implements StoreReads<V> {
  readonly clearsSlots = true;
  #pool: Pool;
  #client: Client;
  #codec: ValueDecoder<V>;
  /** What comes back for reads. */
  #routed: RoutedReads;
  #requested: RequestedReads;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #indexed: IndexedKeys;
  readonly #merge: LogMerge;
  readonly #scan: FarScan;

  /** Reads with a store's parts. */
  constructor(parts: ReadParts<V>, pool: Pool, indexed: IndexedKeys, routed: RoutedReads) {
    this.#pool = pool;
    this.#client = parts.client;
    this.#codec = parts.codec;
    this.#routed = routed;
    this.#key = parts.makeKey();
    this.#requested = new RequestedReads(parts, this.#key, routed, KEYS_PER_READ);
    this.#lifetime = parts.lifetime;
    this.#indexed = indexed;
    this.#merge = new LogMerge(parts, pool);
    this.#scan = new FarScan(this.#indexed, this.#merge, this.#lifetime, this.#key);
  }

  letGo(): void {
    this.#requested.letGo();
    this.#merge.letGo();
    this.#indexed.letGo();
    const gone = undefined as never;
    this.#pool =
      this.#client =
      this.#codec =
      this.#routed =
        gone;
  }

  get(key: Key): Promise<V | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#decode(value, own));
  }

  getSync(key: Key): V | undefined {
    const { value } = this.#requested.readSync(key, true);
    return value && this.#decode(value, key);
  }

  getMany(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    return this.#readMany(keys, options, (found, key) => this.#decode(found, key));
  }

  getManySync(keys: Iterable<Key>, options?: ReadManySyncOptions): (V | undefined)[] {
    return this.#readManySync(keys, options, (found, key) => this.#decode(found, key));
  }

  getEntries(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    return this.#readMany(keys, options, (found, key) => this.#entryOf(found, key));
  }

  getEntriesSync(keys: Iterable<Key>, options?: ReadManySyncOptions): (Entry<V> | undefined)[] {
    return this.#readManySync(keys, options, (found, key) => this.#entryOf(found, key));
  }

  async hasMany(keys: Iterable<Key>, options?: AbortOptions): Promise<boolean[]> {
    this.#lifetime.assertOpen();
    return await this.#requested.each(
      keys,
      options,
      false,
      (ended) => this.#requested.counted(ended).exists,
    );
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertOpen();
    return this.#requested.eachSync(
      ownKeys(keys),
      false,
      (ended) => this.#requested.counted(ended).exists,
    );
  }

  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#entryOf(value, own));
  }

  getEntrySync(key: Key): Entry<V> | undefined {
    const { value } = this.#requested.readSync(key, true);
    return value && this.#entryOf(value, key);
  }

  within<V2>(parts: ReadParts<V2>): FarStoreReads<V2> {
    const { key, prefix } = parts;
    return new FarStoreReads(parts, this.#pool, this.#indexed.narrow(key, prefix), this.#routed);
  }

  forTransactions(): never {
    assert(false, "what makes commits has said that a far pool has no transactions");
  }

  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V> {
    const client = this.#client;
    const completion = new ReadCompletion(this.#routed, wake);
    client.get(key, true, completion);
    return {
      get isSettled() {
        return completion.isSettled;
      },
      block: () => client.waitFor(completion),
      take: () => {
        if (completion.error) throw completion.error;
        return completion.value && this.#entryOf(completion.value, key);
      },
    };
  }

  has(key: Key): Promise<boolean> {
    return this.#readDecoded(key, false, ({ exists }) => exists);
  }

  hasSync(key: Key): boolean {
    return this.#requested.readSync(key, false).exists;
  }

  async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    const range = this.#indexed.rangeOf(options, false);
    let left = range.limit;
    for await (const key of this.#scan.keys(range, options?.signal)) {
      const { value: found } = this.#requested.counted(await this.#requested.issue(key, true));
      this.#lifetime.assertOpen();
      const value = this.#orPassOver(found, key, options, (read) => this.#decode(read, key));
      if (value === undefined) continue;
      yield [key, value];
      if (--left === 0) return;
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    const range = this.#indexed.rangeOf(options, false);
    let left = range.limit;
    let burst: Key[] = [];
    for await (const key of this.#scan.keys(range, options?.signal)) {
      if (burst.push(key) < Math.min(KEYS_PER_BURST, left)) continue;
      for (const existing of await this.#existing(burst)) {
        yield existing;
        left -= 1;
      }
      if (left === 0) return;
      burst = [];
    }
    yield* await this.#existing(burst);
  }

  entriesSync(options?: IterationSyncOptions): IterableIterator<[Key, V]> {
    return this.#scan.itemsSync(options, (key) => {
      const { value: found } = this.#requested.readSync(key, true);
      const value = this.#orPassOver(found, key, options, (read) => this.#decode(read, key));
      return value === undefined ? undefined : [key, value];
    });
  }

  keysSync(options?: IterationSyncOptions): IterableIterator<Key> {
    return this.#scan.itemsSync(
      options,
      (key) => this.#requested.readSync(key, false).exists ? key : undefined,
    );
  }

  usedSlots(): readonly Slot[] {
    // What is logged and not merged is not counted in the index, and may be of any slot.
    if (this.#merge.isPending) return Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
    return this.#indexed.usedSlots(this.#client);
  }

  count(): number {
    this.#lifetime.assertOpen();
    this.#merge.mergeAcknowledged();
    return this.#indexed.count();
  }

  assertOrdered(method: string): void {
    this.#indexed.assertOrdered(method);
  }

  /** Those of some keys that exist. */
  async #existing(burst: readonly Key[]): Promise<Key[]> {
    this.#lifetime.assertOpen();
    const reads = await Promise.all(burst.map((key) => this.#requested.issue(key, false)));
    return burst.filter((_, i) => this.#requested.counted(reads[i]!).exists);
  }

  /** Reads a key; until it has been decoded, the operation is pending. */
  async #readDecoded<Result>(
    key: Key,
    withValue: boolean,
    decode: (ended: ReadCompletion, key: Key) => Result,
  ): Promise<Result> {
    this.#lifetime.assertOpen();
    const client = this.#client;
    const operation = client.begin();
    try {
      const own = ownKey(key);
      return decode(this.#requested.counted(await this.#requested.issue(own, withValue)), own);
    } finally {
      client.end(operation);
    }
  }

  async #readMany<Result>(
    keys: Iterable<Key>,
    options: ReadManyOptions | undefined,
    decode: (found: ReadValue, key: Key) => Result,
  ): Promise<(Result | undefined)[]> {
    this.#lifetime.assertOpen();
    const take = (found: Found, key: Key) => this.#orPassOver(found, key, options, decode);
    if (!isConsistent(options, false)) {
      const each = (ended: ReadCompletion, key: Key) =>
        take(this.#requested.counted(ended).value, key);
      return await this.#requested.each(keys, options, true, each);
    }
    const list = keysOfMoment(keys);
    const client = this.#client;
    const operation = client.begin();
    try {
      const found = await lookUntilFound(() => this.#look(list, options));
      const results: (Result | undefined)[] = [];
      for (const [i, one] of found.entries()) {
        this.#requested.count(one !== undefined, one);
        results.push(take(one, list[i]!));
        if (loopTurn.count(one?.bytes.length ?? 0)) await loopTurn.next();
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  #readManySync<Result>(
    keys: Iterable<Key>,
    options: ReadManySyncOptions | undefined,
    decode: (found: ReadValue, key: Key) => Result,
  ): (Result | undefined)[] {
    this.#lifetime.assertOpen();
    const take = (found: Found, key: Key) => this.#orPassOver(found, key, options, decode);
    if (!isConsistent(options, true)) {
      const each = (ended: ReadCompletion, key: Key) =>
        take(this.#requested.counted(ended).value, key);
      return this.#requested.eachSync(ownKeys(keys), true, each);
    }
    const list = keysOfMoment(keys);
    const found = lookUntilFoundSync(() => this.#lookSync(list));
    return found.map((one, i) => {
      this.#requested.count(one !== undefined, one);
      return take(one, list[i]!);
    });
  }

  /** Reads some keys twice; undefined if something changed: see store/reads/consistent_reads.ts. */
  async #look(
    keys: readonly Key[],
    options: AbortOptions | undefined,
  ): Promise<Found[] | undefined> {
    const marks = keys.map((key) => this.#markAbsence(key));
    const found = await this.#requested.each(keys, options, true, ({ value }) => value);
    const again = await this.#requested.each(keys, options, true, ({ value }) => value);
    const isOfOne = isOfOneMoment(found, again, marks, (i) => this.#markAbsence(keys[i]!));
    return isOfOne ? found : undefined;
  }

  #lookSync(keys: readonly Key[]): Found[] | undefined {
    const marks = keys.map((key) => this.#markAbsence(key));
    const found = this.#requested.eachSync(keys, true, ({ value }) => value);
    const again = this.#requested.eachSync(keys, true, ({ value }) => value);
    const isOfOne = isOfOneMoment(found, again, marks, (i) => this.#markAbsence(keys[i]!));
    return isOfOne ? found : undefined;
  }

  #markAbsence(key: Key): AbsenceMark {
    this.#key.encode(key);
    return markAbsence(this.#pool, this.#key);
  }

  #entryOf(found: ReadValue, key: Key | KeyEncoder): Entry<V> {
    return entryOf(this.#decode(found, key), found.version, found.expiresAtMs);
  }

  /** What a read has found; undefined also if it cannot be decoded, and that is wanted. */
  #orPassOver<Result>(
    found: Found,
    key: Key,
    options: ReadOptions | undefined,
    decode: (found: ReadValue, key: Key) => Result,
  ): Result | undefined {
    if (found === undefined) return undefined;
    try {
      return decode(found, key);
    } catch (error) {
      return passOver(error, options);
    }
  }

  #decode({ bytes }: ReadValue, key: Key | KeyEncoder): V {
    try {
      return this.#codec.decode(bytes, bytes.length);
    } catch (error) {
      throw DecodeError.at(key instanceof KeyEncoder ? this.#key.keyOf(key) : key, error);
    }
  }
}
