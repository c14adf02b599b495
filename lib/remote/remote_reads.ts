/**
 * Reads of a pool that another process has open: those of one key are requests, the others calls.
 *
 * Values are decoded when the answers have been taken from the connection: decoding may need
 * another read.
 *
 * @module
 */
import type { Carrier } from "../client/carrier.ts";
import type { Client } from "../client/client.ts";
import type { KeyQueues } from "../client/key_queues.ts";
import type { ValueDecoder } from "../codec/codec.ts";
import type { Slot } from "../core/brands.ts";
import { DecodeError } from "../core/errors.ts";
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import { ReadCompletion, type ReadSource } from "../far/client/routed_reads.ts";
import { loopTurn } from "../platform/loop_turn.ts";

import type { ReadValue } from "../rings/response_ring.ts";
import type { AbortOptions } from "../store/arguments/abort.ts";
import {
  isConsistent,
  keysOfMoment,
  ownKey,
  ownKeys,
  passOver,
  unordered,
} from "../store/arguments/arguments.ts";
import { type Entry, entryOf } from "../store/arguments/entry.ts";
import { rangeOf } from "../store/arguments/key_range.ts";
import type {
  IterationOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "../store/arguments/method_options.ts";
import type { PendingRead } from "../store/arguments/update_turn.ts";
import type { StoreLifetime } from "../store/parts/lifetime.ts";
import type { ReadParts } from "../store/parts/store_parts.ts";
import type { StoreReads } from "../store/reads/reads.ts";
import { RequestedReads } from "../store/reads/requested_reads.ts";
import type { TransactionReads } from "../store/reads/transaction_reads.ts";
import { type IteratedReads, iterateEntries, iterateKeys } from "./calls/remote_iteration.ts";
import { readAtOneMoment } from "./calls/remote_moment.ts";
import type { RemoteScanParts } from "./calls/remote_scan.ts";
import { RemoteTransactionReads } from "./calls/remote_transaction.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import { notAtOnce } from "./refusals.ts";
import { decodeWhole, decodeWholeSync, type RemoteStructures } from "./remote_structures.ts";

/** Keys of a `getMany` that are asked for at one time: enough to keep both processes busy. */
const KEYS_PER_READ = 1024;

/** What reads share. */
export interface RemoteSource {
  readonly client: Client<Carrier & ReadSource>;
  readonly calls: RemoteCalls;
  /** Those of the codec, if it has any. */
  readonly structures: RemoteStructures | undefined;
  /** Whether the pool knows the order of its keys. */
  readonly isOrdered: boolean;
}

/** Reads by one thread. */
export class RemoteReads<V> implements StoreReads<V> {
  readonly clearsSlots: boolean = true;
  #source: RemoteSource;
  #client: Client<Carrier & ReadSource>;
  #codec: ValueDecoder<V>;
  #queues: KeyQueues;
  #requested: RequestedReads;
  readonly #key: KeyEncoder;
  readonly #makeKey: () => KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #prefix: Uint8Array;

  /** Reads with a store's parts. */
  constructor(parts: ReadParts<V>, source: RemoteSource) {
    this.#source = source;
    this.#client = source.client;
    this.#codec = parts.codec;
    this.#queues = parts.queues;
    this.#makeKey = parts.makeKey;
    this.#key = parts.makeKey();
    this.#requested = new RequestedReads(parts, this.#key, source.client.carrier, KEYS_PER_READ);
    this.#lifetime = parts.lifetime;
    this.#prefix = parts.prefix;
  }

  letGo(): void {
    const gone = undefined as never;
    this.#source =
      this.#client =
      this.#codec =
      this.#queues =
      this.#requested =
        gone;
  }

  within<V2>(parts: ReadParts<V2>): RemoteReads<V2> {
    return new RemoteReads(parts, this.#source);
  }

  get(key: Key): Promise<V | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#decode(value, own));
  }

  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#entryOf(value, own));
  }

  has(key: Key): Promise<boolean> {
    return this.#readDecoded(key, false, ({ exists }) => exists);
  }

  getSync(key: Key): V | undefined {
    this.#lifetime.assertBlocks("getSync");
    const { value } = this.#requested.readSync(key, true);
    return value && this.#decodeSync(() => this.#decode(value, key));
  }

  getEntrySync(key: Key): Entry<V> | undefined {
    this.#lifetime.assertBlocks("getEntrySync");
    const { value } = this.#requested.readSync(key, true);
    return value && this.#decodeSync(() => this.#entryOf(value, key));
  }

  hasSync(key: Key): boolean {
    this.#lifetime.assertBlocks("hasSync");
    return this.#requested.readSync(key, false).exists;
  }

  getMany(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(V | undefined)[]> {
    return this.#readMany(keys, options, (found, key) => this.#decode(found, key));
  }

  getEntries(keys: Iterable<Key>, options?: ReadManyOptions): Promise<(Entry<V> | undefined)[]> {
    return this.#readMany(keys, options, (found, key) => this.#entryOf(found, key));
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

  getManySync(keys: Iterable<Key>, options?: ReadManySyncOptions): (V | undefined)[] {
    return this.#readManySync("getManySync", keys, options, (found, key) => {
      return this.#decode(found, key);
    });
  }

  getEntriesSync(keys: Iterable<Key>, options?: ReadManySyncOptions): (Entry<V> | undefined)[] {
    return this.#readManySync("getEntriesSync", keys, options, (found, key) => {
      return this.#entryOf(found, key);
    });
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertBlocks("hasManySync");
    return this.#requested.eachSync(
      ownKeys(keys),
      false,
      (ended) => this.#requested.counted(ended).exists,
    );
  }

  beginRead(key: KeyEncoder, wake: () => void): PendingRead<V> {
    const client = this.#client;
    const name = this.#key.keyOf(key);
    let end: (() => Entry<V> | undefined) | undefined;
    const completion = new ReadCompletion(client.carrier, (ended) => {
      const { error, value } = ended;
      // Afterwards: this is in the middle of a poll.
      void Promise.resolve()
        .then(() => {
          if (error !== undefined) throw error;
          return decodeWhole(this.#source.structures, () => value && this.#entryOf(value, name));
        })
        .then((entry) => end = () => entry, (failure) => {
          end = () => {
            throw failure;
          };
        })
        .then(wake);
    });
    client.get(key, true, completion);
    return {
      get isSettled() {
        return end !== undefined;
      },
      block: () => {
        client.waitFor(completion);
        const { error, value } = completion;
        end ??= () => {
          if (error !== undefined) throw error;
          return value && this.#decodeSync(() => this.#entryOf(value, name));
        };
      },
      take: () => end!(),
    };
  }

  entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    return iterateEntries(() => this.scanParts(), this.#iterated, options);
  }

  keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    return iterateKeys(() => this.scanParts(), this.#iterated, options);
  }

  entriesSync(_options?: unknown, method = "entriesSync"): IterableIterator<[Key, V]> {
    return this.#refuseSync(method);
  }

  keysSync(_options?: unknown, method = "keysSync"): IterableIterator<Key> {
    return this.#refuseSync(method);
  }

  count(): number {
    this.#lifetime.assertOpen();
    throw notAtOnce("count", "countKeys()");
  }

  assertOrdered(method: string): void {
    this.#lifetime.assertOpen();
    if (!this.#source.isOrdered) throw unordered(method);
  }

  /** Which of them have keys only the process knows that has the pool. */
  usedSlots(): readonly Slot[] {
    return Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
  }

  /** What transactions read by. */
  forTransactions(): TransactionReads<V> {
    return new RemoteTransactionReads({
      calls: this.#source.calls,
      client: this.#client,
      lifetime: this.#lifetime,
      key: this.#makeKey(),
      getEntry: (key) => this.getEntry(key),
      decode: async (found, key) =>
        found &&
        await decodeWhole(this.#source.structures, () => this.#entryOf(found, key)),
    });
  }

  /** Reads a key: here, if that can be done at once. */
  #readDecoded<Result>(
    key: Key,
    withValue: boolean,
    decode: (ended: ReadCompletion, key: Key) => Result,
  ): Promise<Result> {
    try {
      this.#lifetime.assertOpen();
      const here = this.#requested.readHere(key, withValue);
      if (here === undefined) return this.#request(key, withValue, decode);
      const ended = this.#requested.counted(here);
      const result = decodeWhole(this.#source.structures, () => decode(ended, key));
      if (loopTurn.count(ended.value?.bytes.length ?? 0)) return loopTurn.next().then(() => result);
      return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Has a key be read; until it has been decoded, the operation is pending. */
  async #request<Result>(
    key: Key,
    withValue: boolean,
    decode: (ended: ReadCompletion, key: Key) => Result,
  ): Promise<Result> {
    const client = this.#client;
    const operation = client.begin();
    try {
      const own = ownKey(key);
      const ended = this.#requested.counted(await this.#requested.issue(own, withValue));
      const whole = decodeWhole(this.#source.structures, () => decode(ended, own));
      return whole instanceof Promise ? await whole : whole;
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
    if (isConsistent(options, false)) return await this.#readMoment(keys, options, decode);
    return await this.#requested.each(keys, options, true, (ended, key) => {
      const { value } = this.#requested.counted(ended);
      return value && this.#orPassOver(options, () => decode(value, key));
    });
  }

  /** Reads keys that are all of one moment. */
  async #readMoment<Result>(
    keys: Iterable<Key>,
    options: ReadManyOptions | undefined,
    decode: (found: ReadValue, key: Key) => Result,
  ): Promise<(Result | undefined)[]> {
    const list = keysOfMoment(keys);
    const { client, calls } = this.#source;
    const operation = client.begin();
    try {
      for (const key of list) await this.#whenReadable(key);
      const wanted = list.map((key) => ({ key, withValue: true }));
      const found = await readAtOneMoment(calls, wanted, this.#key, options?.signal);
      const results: (Result | undefined)[] = [];
      for (const [i, one] of found.entries()) {
        const key = list[i]!;
        this.#requested.count(one !== undefined, one);
        results.push(one && await this.#orPassOver(options, () => decode(one, key)));
        if (loopTurn.count(one?.bytes.length ?? 0)) await loopTurn.next();
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  /** Resolves when all has ended that this thread has issued for a key before. */
  async #whenReadable(key: Key): Promise<void> {
    this.#lifetime.assertNotFailed();
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    const isQueued = this.#queues.has(this.#key);
    // Behind what waits for its turn, and then for what is on its way.
    if (isQueued) await this.#requested.issue(key, false);
    else if (this.#client.isSlotPending(slot)) await this.#client.whenSlotSettled(slot);
  }

  /** What iterations ask by. */
  protected scanParts(): RemoteScanParts {
    this.#lifetime.assertOpen();
    const { calls, isOrdered } = this.#source;
    return {
      calls,
      rangeOf: (options) => rangeOf(options, this.#prefix, isOrdered),
      client: this.#client,
      queues: this.#queues,
      lifetime: this.#lifetime,
      keyOf: (stored) => this.#key.keyOf(stored),
    };
  }

  get #iterated(): IteratedReads<V> {
    return {
      decode: (found, key, options) => this.#orPassOver(options, () => this.#decode(found, key)),
      read: async (key) => this.#requested.counted(await this.#requested.read(key, true)).value,
      exists: async (key) => this.#requested.counted(await this.#requested.read(key, false)).exists,
    };
  }

  #refuseSync(method: string): never {
    this.#lifetime.assertOpen();
    throw notAtOnce(method, `${method.replace("Sync", "")}()`);
  }

  #readManySync<Result>(
    method: string,
    keys: Iterable<Key>,
    options: ReadManySyncOptions | undefined,
    decode: (found: ReadValue, key: Key) => Result,
  ): (Result | undefined)[] {
    this.#lifetime.assertBlocks(method);
    if (isConsistent(options, true)) return this.#refuseSync(method);
    const list = ownKeys(keys);
    const reads = this.#requested.eachSync(list, true, (ended) => this.#requested.counted(ended));
    return reads.map(({ value }, i) => {
      if (value === undefined) return undefined;
      try {
        return this.#decodeSync(() => decode(value, list[i]!));
      } catch (error) {
        return passOver(error, options);
      }
    });
  }

  #decodeSync<Result>(decode: () => Result): Result {
    return decodeWholeSync(this.#source.structures, decode);
  }

  #entryOf(found: ReadValue, key: Key): Entry<V> {
    return entryOf(this.#decode(found, key), found.version, found.expiresAtMs);
  }

  /** What a read has found; undefined if it cannot be decoded, and that is wanted. */
  #orPassOver<Result>(
    options: ReadOptions | undefined,
    decode: () => Result,
  ): Result | undefined | Promise<Result | undefined> {
    try {
      const result = decodeWhole(this.#source.structures, decode);
      if (!(result instanceof Promise)) return result;
      return result.catch((error) => passOver(error, options));
    } catch (error) {
      return passOver(error, options);
    }
  }

  #decode({ bytes }: ReadValue, key: Key): V {
    try {
      return this.#codec.decode(bytes, bytes.length);
    } catch (error) {
      throw DecodeError.at(key, error);
    }
  }
}
