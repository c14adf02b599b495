/**
 * Reads in the far placement: they are requests to the KNs that own the keys.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { BatchCompletion, SyncBatch } from "../../client/completions.ts";
import { InstantTurn, type KeyQueues } from "../../client/key_queues.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { Slot } from "../../core/brands.ts";
import { DecodeError } from "../../core/errors.ts";
import { type Key, KeyEncoder } from "../../core/key_encoder.ts";
import { NODE_COUNT_MAX, SLOT_COUNT, UNAVAILABLE_AFTER_MS } from "../../core/limits.ts";
import { loopTurn } from "../../core/loop_turn.ts";
import { monotonicMs, sleep } from "../../core/runtime.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import type { Pool } from "../../pool/pool.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import { nodeOfAgent, NodeState, nodeStateOf } from "../../routing/node_directory.ts";
import { loadOwner, ownerOf } from "../../routing/ownership.ts";
import type { AbortOptions } from "../../store/abort.ts";
import { type AbsenceMark, markAbsence, wasAbsent } from "../../store/absence.ts";
import { isConsistent, iterable, keysOfMoment, ownKey, passOver } from "../../store/arguments.ts";
import type {
  IterationOptions,
  ReadManyOptions,
  ReadManySyncOptions,
  ReadOptions,
} from "../../store/method_options.ts";
import {
  type Found,
  isSame,
  lookUntilFound,
  lookUntilFoundSync,
} from "../../store/consistent_reads.ts";
import { ownKeys } from "../../store/batches.ts";
import { type Entry, entryOf } from "../../store/entry.ts";
import type { IndexedKeys } from "../../store/indexed_keys.ts";
import type { StoreLifetime } from "../../store/lifetime.ts";
import type { StoreReads } from "../../store/reads.ts";
import type { OperationParts } from "../../store/store_parts.ts";
import type { PendingRead } from "../../store/update_turn.ts";
import { ReadCompletion, type RoutedReads } from "../client/routed_reads.ts";
import { hasUnmerged } from "../log/log_merger.ts";
import { unaskedLogs } from "../log/unasked_logs.ts";

/** Keys of an iteration that KNs are asked for at one time: each alone would cost a round trip. */
const KEYS_PER_BURST = 64;
/**
 * The same of a `getMany`: enough to keep KNs busy, and few enough to leave the event loop its
 * turns.
 */
const KEYS_PER_READ = 256;
/** How often to look whether the M-node has merged the logs that no KN is asked for. */
const UNASKED_LOOK_MS = 1;

/**
 * Waits until the M-node has merged the logs of KNs that own no slot, such as those that are gone;
 * not for ever.
 */
class UnaskedLogs {
  readonly #pool: Pool;
  readonly #deadlineMs = monotonicMs() + UNAVAILABLE_AFTER_MS;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * Whether that is so: a zombie may keep its log from being merged, and its changes from being
   * seen here.
   */
  get isSettled(): boolean {
    return unaskedLogs(this.#pool).length === 0 || monotonicMs() > this.#deadlineMs;
  }
}

/**
 * Reads of a far pool by one thread.
 *
 * What looks at the index as a whole (`count`, iteration) first has the KNs merge what they have
 * logged. Values are decoded when the answers have been taken from the rings: decoding may need
 * another read.
 */
export class FarStoreReads<V> implements StoreReads<V> {
  #pool: Pool;
  #client: Client;
  #codec: ValueCodec<V>;
  #queues: KeyQueues;
  /** What comes back for reads. */
  #routed: RoutedReads;
  #counters: OperationCounters;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #indexed: IndexedKeys;

  /** Reads with a store's parts. */
  constructor(parts: OperationParts<V>, routed: RoutedReads) {
    this.#pool = parts.pool;
    this.#client = parts.client;
    this.#codec = parts.codec;
    this.#queues = parts.queues;
    this.#routed = routed;
    this.#key = parts.makeKey();
    this.#counters = parts.counters;
    this.#lifetime = parts.lifetime;
    this.#indexed = parts.indexedKeys;
  }

  letGo(): void {
    const gone = undefined as never;
    this.#pool =
      this.#client =
      this.#codec =
      this.#counters =
      this.#queues =
      this.#routed =
        gone;
  }

  get(key: Key): Promise<V | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#decode(value, own));
  }

  getSync(key: Key): V | undefined {
    const { value } = this.#readSync(key, true);
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
    return await this.#readEach(keys, options, false, ({ exists }) => exists);
  }

  hasManySync(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertOpen();
    const list = Array.from(iterable<Key>("keys", keys));
    return this.#readEachSync(list, false, ({ exists }) => exists);
  }

  getEntry(key: Key): Promise<Entry<V> | undefined> {
    return this.#readDecoded(key, true, ({ value }, own) => value && this.#entryOf(value, own));
  }

  getEntrySync(key: Key): Entry<V> | undefined {
    const { value } = this.#readSync(key, true);
    return value && this.#entryOf(value, key);
  }

  within(parts: OperationParts<V>): FarStoreReads<V> {
    return new FarStoreReads(parts, this.#routed);
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
    return this.#readSync(key, false).exists;
  }

  async *entries(options?: IterationOptions): AsyncIterableIterator<[Key, V]> {
    await this.#merge();
    for await (const keys of this.#indexed.slots(options)) {
      for (const stored of keys) {
        const key = this.#key.keyOf(stored);
        this.#lifetime.assertOpen();
        const { value: found } = await this.#issueRead(key, true);
        this.#lifetime.assertOpen();
        const value = this.#orPassOver(found, key, options, this.#decodeValue);
        if (value !== undefined) yield [key, value];
      }
    }
  }

  async *keys(options?: IterationOptions): AsyncIterableIterator<Key> {
    await this.#merge();
    let burst: Key[] = [];
    for await (const keys of this.#indexed.slots(options)) {
      for (const stored of keys) {
        if (burst.push(this.#key.keyOf(stored)) < KEYS_PER_BURST) continue;
        yield* await this.#existing(burst);
        burst = [];
      }
    }
    yield* await this.#existing(burst);
  }

  *entriesSync(options?: IterationOptions): IterableIterator<[Key, V]> {
    this.#mergeSync();
    for (const keys of this.#indexed.slotsSync(options)) {
      for (const stored of keys) {
        const key = this.#key.keyOf(stored);
        const { value: found } = this.#readSync(key, true);
        const value = this.#orPassOver(found, key, options, this.#decodeValue);
        if (value !== undefined) yield [key, value];
      }
    }
  }

  *keysSync(options?: IterationOptions): IterableIterator<Key> {
    this.#mergeSync();
    for (const keys of this.#indexed.slotsSync(options)) {
      for (const stored of keys) {
        const key = this.#key.keyOf(stored);
        if (this.#readSync(key, false).exists) yield key;
      }
    }
  }

  count(): number {
    this.#lifetime.assertOpen();
    this.#mergeIssued();
    return this.#indexed.count();
  }

  /** Blocks until everything that this thread has issued is in the index. */
  #mergeSync(): void {
    this.#lifetime.assertOpen();
    if (this.#queues.count !== 0) this.#queues.settleAll(false);
    this.#client.settleAll();
    this.#mergeIssued();
  }

  /** Blocks until everything that was acknowledged before is in the index. */
  #mergeIssued(): void {
    this.#client.waitFor(new UnaskedLogs(this.#pool));
    const batch = new SyncBatch();
    for (const slot of this.#unmergedSlots()) {
      batch.expect();
      this.#client.mergeSlot(slot, batch);
    }
    this.#client.waitFor(batch);
    batch.throwError();
  }

  /** Those of some keys that exist. */
  async #existing(burst: readonly Key[]): Promise<Key[]> {
    this.#lifetime.assertOpen();
    const reads = await Promise.all(burst.map((key) => this.#issueRead(key, false)));
    return burst.filter((_, i) => reads[i]!.exists);
  }

  /** Resolves when everything that was acknowledged before is in the index. */
  async #merge(): Promise<void> {
    this.#lifetime.assertOpen();
    await this.#client.whenIssuedEnded();
    const logs = new UnaskedLogs(this.#pool);
    while (!logs.isSettled) await sleep(UNASKED_LOOK_MS);
    this.#lifetime.assertOpen();
    const batch = new BatchCompletion();
    for (const slot of this.#unmergedSlots()) {
      batch.expect();
      this.#client.mergeSlot(slot, batch);
    }
    batch.seal();
    await batch.promise;
  }

  usedSlots(): readonly Slot[] {
    // What is logged and not merged is not counted in the index, and may be of any slot.
    if (this.#hasUnmerged()) return Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
    return this.#indexed.usedSlots(this.#client);
  }

  /** Whether any KN, running or not, has logged what is not in the index. */
  #hasUnmerged(): boolean {
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (hasUnmerged(this.#pool, agent)) return true;
    }
    return false;
  }

  /** The slots but for those of KNs that have nothing to merge. */
  #unmergedSlots(): Slot[] {
    if (!this.#hasUnmerged()) return [];
    const merged = new Set<number>();
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      const isActive = nodeStateOf(this.#pool, agent) === NodeState.ACTIVE;
      if (isActive && !hasUnmerged(this.#pool, agent)) merged.add(nodeOfAgent(this.#pool, agent));
    }
    const slots: Slot[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = ownerOf(loadOwner(this.#pool, slot as Slot));
      if (!merged.has(owner)) slots.push(slot as Slot);
    }
    return slots;
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
      return decode(await this.#issueRead(own, withValue), own);
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
    const isOfOneMoment = isConsistent(options, false);
    const take = (found: Found, key: Key) => this.#orPassOver(found, key, options, decode);
    if (!isOfOneMoment) {
      return await this.#readEach(keys, options, true, ({ value }, key) => take(value, key));
    }
    const list = keysOfMoment(keys);
    const client = this.#client;
    const operation = client.begin();
    try {
      const found = await lookUntilFound(() => this.#look(list, options));
      return found.map((one, i) => take(one, list[i]!));
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
    const isOfOneMoment = isConsistent(options, true);
    const take = (found: Found, key: Key) => this.#orPassOver(found, key, options, decode);
    if (!isOfOneMoment) {
      const list = Array.from(iterable<Key>("keys", keys));
      return this.#readEachSync(list, true, ({ value }, key) => take(value, key));
    }
    const list = keysOfMoment(keys);
    const found = lookUntilFoundSync(() => this.#lookSync(list));
    return found.map((one, i) => take(one, list[i]!));
  }

  /** Reads some keys twice; undefined if something changed: see store/consistent_reads.ts. */
  async #look(
    keys: readonly Key[],
    options: AbortOptions | undefined,
  ): Promise<Found[] | undefined> {
    const marks = keys.map((key) => this.#markAbsence(key));
    const found = await this.#readEach(keys, options, true, ({ value }) => value);
    const again = await this.#readEach(keys, options, true, ({ value }) => value);
    return this.#isOfOneMoment(keys, marks, found, again) ? found : undefined;
  }

  #lookSync(keys: readonly Key[]): Found[] | undefined {
    const marks = keys.map((key) => this.#markAbsence(key));
    const found = this.#readEachSync(keys, true, ({ value }) => value);
    const again = this.#readEachSync(keys, true, ({ value }) => value);
    return this.#isOfOneMoment(keys, marks, found, again) ? found : undefined;
  }

  #isOfOneMoment(
    keys: readonly Key[],
    marks: readonly AbsenceMark[],
    found: readonly Found[],
    again: readonly Found[],
  ): boolean {
    return keys.every((key, i) => {
      const [first, second] = [found[i], again[i]];
      if (first !== undefined) return second !== undefined && isSame(first, second);
      return second === undefined && wasAbsent(marks[i]!, this.#markAbsence(key));
    });
  }

  #markAbsence(key: Key): AbsenceMark {
    this.#key.encode(key);
    return markAbsence(this.#pool, this.#key);
  }

  /** Reads each of some keys, many at a time. */
  async #readEach<Result>(
    keys: Iterable<Key>,
    options: AbortOptions | undefined,
    withValue: boolean,
    take: (ended: ReadCompletion, key: Key) => Result,
  ): Promise<Result[]> {
    const client = this.#client;
    const operation = client.begin();
    try {
      const taken = ownKeys(iterable<Key>("keys", keys));
      const list = Array.isArray(taken) ? taken : await taken;
      const results: Result[] = [];
      for (let at = 0; at < list.length; at += KEYS_PER_READ) {
        options?.signal?.throwIfAborted();
        const burst = list.slice(at, at + KEYS_PER_READ);
        const reads = await Promise.all(burst.map((key) => this.#issueRead(key, withValue)));
        for (const [i, read] of reads.entries()) {
          results.push(take(read, burst[i]!));
          if (loopTurn.count(read.value?.bytes.length ?? 0)) await loopTurn.next();
        }
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  #readEachSync<Result>(
    keys: readonly Key[],
    withValue: boolean,
    take: (ended: ReadCompletion, key: Key) => Result,
  ): Result[] {
    const results: Result[] = [];
    for (let at = 0; at < keys.length; at += KEYS_PER_READ) {
      const burst = keys.slice(at, at + KEYS_PER_READ);
      const reads = burst.map((key) => this.#beginReadSync(key, withValue));
      reads.forEach((read, i) => results.push(take(this.#endReadSync(read), burst[i]!)));
    }
    return results;
  }

  /** Issues a read, or has it wait for its turn. */
  #issueRead(key: Key, withValue: boolean): Promise<ReadCompletion> {
    return new Promise((resolve, reject) => {
      this.#lifetime.assertNotFailed();
      this.#key.encode(key);
      const completion = new ReadCompletion(this.#routed, (ended) => {
        if (ended.error) return reject(ended.error);
        this.#count(ended);
        resolve(ended);
      });
      const client = this.#client;
      if (this.#queues.count === 0 || this.#queues.find(this.#key) === undefined) {
        return client.get(this.#key, withValue, completion);
      }
      const turn = new InstantTurn(
        0,
        ({ queue, sequence }) => client.get(queue.key, withValue, completion, sequence),
        reject,
      );
      this.#queues.add(this.#key, turn);
    });
  }

  #readSync(key: Key, withValue: boolean): ReadCompletion {
    return this.#endReadSync(this.#beginReadSync(key, withValue));
  }

  #beginReadSync(key: Key, withValue: boolean): ReadCompletion {
    this.#lifetime.assertOpen();
    this.#key.encode(key);
    if (this.#queues.count !== 0) {
      this.#queues.settle(this.#key, false);
      // The functions of updates that are called by that may use the encoder.
      this.#key.encode(key);
    }
    const completion = new ReadCompletion(this.#routed);
    this.#client.get(this.#key, withValue, completion);
    return completion;
  }

  #endReadSync(completion: ReadCompletion): ReadCompletion {
    this.#client.waitFor(completion);
    if (completion.error) throw completion.error;
    this.#count(completion);
    return completion;
  }

  #count({ exists, value }: ReadCompletion): void {
    this.#counters.read(exists, value?.bytes.length ?? 0);
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

  /** A key as the application writes it, of one that may have been encoded. */
  #plainKey(key: Key | KeyEncoder): Key {
    return key instanceof KeyEncoder ? this.#key.keyOf(key) : key;
  }

  readonly #decodeValue = (found: ReadValue, key: Key): V => this.#decode(found, key);

  #decode({ bytes }: ReadValue, key: Key | KeyEncoder): V {
    try {
      return this.#codec.decode(bytes, bytes.length);
    } catch (error) {
      throw DecodeError.at(this.#plainKey(key), error);
    }
  }
}
