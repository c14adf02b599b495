/**
 * What changes a store: puts, deletes, batches of them, updates.
 *
 * An operation on a key of which this thread has an update in progress waits for its turn
 * (client/key_queues.ts); every other one is issued at once.
 *
 * @module
 */
import { NOT_AT_ONCE } from "../../client/carrier.ts";
import type { Client } from "../../client/client.ts";
import {
  BatchCompletion,
  type Completion,
  ItemCompletion,
  OutcomeCompletion,
  PutCompletion,
  SyncCompletions,
} from "../../client/completions.ts";
import type { GarbageMeter } from "../../client/garbage_meter.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import { draftOfKey, draftPut, type RequestDraft } from "../../client/request_draft.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import { Condition, Operation } from "../../rings/ring_layout.ts";
import type { AbortOptions } from "../arguments/abort.ts";
import {
  assertChange,
  expiryOf,
  givenExpiryOf,
  iterable,
  mustSyncOf,
  presentVersionOf,
  putManyOptionsOf,
  versionOf,
} from "../arguments/arguments.ts";
import { EntryOptions, issueBatch, type IssueItem } from "../arguments/batches.ts";
import type { PutEntry, PutManyOptions, PutOptions } from "../arguments/method_options.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { OperationParts } from "../parts/store_parts.ts";
import type { StoreReads } from "../reads/reads.ts";
import { SyncUpdate } from "./sync_update.ts";
import {
  type Changed,
  DELETE,
  type UpdatedStore,
  type UpdateOptions,
  UpdateTurn,
} from "../arguments/update_turn.ts";

/** Of an update that stores its value as the one before was: the same object, as most are. */
const USUAL_OPTIONS: UpdateOptions = { expiresAtMs: undefined, mustSync: false };

/** Writes by one thread. */
export class StoreWrites<V> {
  #client: Client;
  #codec: ValueCodec<V>;
  #garbage: GarbageMeter;
  #queues: KeyQueues;
  #updated: UpdatedStore<V>;
  #reads: StoreReads<V>;
  #counters: OperationCounters;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #syncs = new SyncCompletions();
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;

  /** Writes with a store's parts; updates read by `reads`. */
  constructor(parts: OperationParts<V>, reads: StoreReads<V>) {
    this.#client = parts.client;
    this.#codec = parts.codec;
    this.#garbage = parts.garbage;
    this.#queues = parts.queues;
    this.#counters = parts.counters;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#level = parts.pool.facts.level;
    this.#updated = this.#makeUpdated(reads);
    this.#reads = reads;
  }

  put(key: Key, value: V, options?: PutOptions): Promise<number> {
    try {
      this.#lifetime.assertWritable("put");
      const draft = this.#draftPut(key, value, Condition.NONE, 0, options);
      const made = this.#queues.has(this.#key) ? NOT_AT_ONCE : this.#client.own.putFirst(draft);
      if (made !== NOT_AT_ONCE) return Promise.resolve(made);
      const completion = new PutCompletion<number>();
      this.#issue(draft, completion);
      return completion.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  putSync(key: Key, value: V, options?: PutOptions): number {
    return this.#putSync("putSync", key, value, Condition.NONE, 0, options)!;
  }

  #putSync(
    method: string,
    key: Key,
    value: V,
    condition: number,
    version: number,
    options: PutOptions | undefined,
  ): number | undefined {
    this.#lifetime.assertWritable(method);
    this.#lifetime.assertBlocks(method);
    const expiresAtMs = expiryOf(options);
    const mustSync = mustSyncOf(options, this.#level);
    if (this.#queues.count !== 0) this.#settleQueue(key);
    this.#encode(key, value);
    const draft = draftPut(this.#key, this.#codec, expiresAtMs, condition, version, mustSync);
    const made = this.#client.own.put(draft);
    return made !== NOT_AT_ONCE ? made : this.#issueSync(draft);
  }

  async putMany(entries: Iterable<PutEntry<V>>, options?: PutManyOptions): Promise<void> {
    this.#lifetime.assertWritable("putMany");
    const { each, signal } = putManyOptionsOf(options);
    const own = new EntryOptions(each, this.#level);
    await this.#issueAll(iterable<PutEntry<V>>("entries", entries), (entry, batch) => {
      own.take(entry);
      const { expiresAtMs, mustSync } = own;
      this.#encodePair(entry[0], entry[1]);
      const codec = this.#codec;
      this.#issue(draftPut(this.#key, codec, expiresAtMs, Condition.NONE, 0, mustSync), batch);
      return codec.end - codec.start;
    }, signal);
  }

  delete(key: Key): Promise<boolean> {
    try {
      this.#lifetime.assertWritable("delete");
      return this.#delete(key, Condition.NONE, 0);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  deleteSync(key: Key): boolean {
    return this.#deleteSync("deleteSync", key, Condition.NONE, 0);
  }

  compareAndDelete(key: Key, version: number): Promise<boolean> {
    try {
      this.#lifetime.assertWritable("compareAndDelete");
      return this.#delete(key, Condition.VERSION, presentVersionOf(version));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  compareAndDeleteSync(key: Key, version: number): boolean {
    const expected = presentVersionOf(version);
    return this.#deleteSync("compareAndDeleteSync", key, Condition.VERSION, expected);
  }

  #deleteSync(method: string, key: Key, condition: number, version: number): boolean {
    this.#lifetime.assertWritable(method);
    this.#lifetime.assertBlocks(method);
    if (this.#queues.count !== 0) this.#settleQueue(key);
    return this.#issueSync(this.#draftDelete(key, condition, version)) !== undefined;
  }

  async deleteMany(keys: Iterable<Key>, options?: AbortOptions): Promise<boolean[]> {
    this.#lifetime.assertWritable("deleteMany");
    const outcomes: boolean[] = [];
    await this.#issueAll(iterable<Key>("keys", keys), (key, batch) => {
      const draft = this.#draftDelete(key, Condition.NONE, 0);
      this.#issue(draft, new ItemCompletion(batch, outcomes, outcomes.push(false) - 1));
      return 0;
    }, options?.signal);
    return outcomes;
  }

  compareAndSet(
    key: Key,
    version: number | null,
    value: V,
    options?: PutOptions,
  ): Promise<number | undefined> {
    try {
      this.#lifetime.assertWritable("compareAndSet");
      const expected = versionOf(version);
      const condition = expected === null ? Condition.ABSENT : Condition.VERSION;
      const draft = this.#draftPut(key, value, condition, expected ?? 0, options);
      const completion = new PutCompletion<number | undefined>();
      this.#issue(draft, completion);
      return completion.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  compareAndSetSync(
    key: Key,
    version: number | null,
    value: V,
    options?: PutOptions,
  ): number | undefined {
    const expected = versionOf(version);
    const condition = expected === null ? Condition.ABSENT : Condition.VERSION;
    return this.#putSync("compareAndSetSync", key, value, condition, expected ?? 0, options);
  }

  update(
    key: Key,
    change: (old: V | undefined) => Changed<V> | Promise<Changed<V>>,
    options?: PutOptions,
  ): Promise<V | undefined> {
    try {
      this.#lifetime.assertWritable("update");
      assertChange(change);
      return this.#update(key, change, this.#updateOptionsOf(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  updateSync(
    key: Key,
    change: (old: V | undefined) => Changed<V>,
    options?: PutOptions,
  ): V | undefined {
    this.#lifetime.assertWritable("updateSync");
    this.#lifetime.assertBlocks("updateSync");
    assertChange(change);
    return this.#updateSync(key, change, this.#updateOptionsOf(options));
  }

  async getAndDelete(key: Key): Promise<V | undefined> {
    this.#lifetime.assertWritable("getAndDelete");
    let taken: V | undefined;
    const take = (old: V | undefined): typeof DELETE => {
      taken = old;
      return DELETE;
    };
    await this.#update(key, take, USUAL_OPTIONS);
    return taken;
  }

  getAndDeleteSync(key: Key): V | undefined {
    this.#lifetime.assertWritable("getAndDeleteSync");
    this.#lifetime.assertBlocks("getAndDeleteSync");
    let taken: V | undefined;
    const take = (old: V | undefined): typeof DELETE => {
      taken = old;
      return DELETE;
    };
    this.#updateSync(key, take, USUAL_OPTIONS);
    return taken;
  }

  #update(
    key: Key,
    change: (old: V | undefined) => Changed<V> | Promise<Changed<V>>,
    options: UpdateOptions,
  ): Promise<V | undefined> {
    this.#lifetime.assertOpen();
    this.#key.encode(key);
    this.#counters.update();
    const turn = new UpdateTurn<V>(this.#updated, change, options);
    this.#queues.add(this.#key, turn);
    return turn.promise;
  }

  #updateSync(
    key: Key,
    change: (old: V | undefined) => Changed<V>,
    options: UpdateOptions,
  ): V | undefined {
    this.#lifetime.assertOpen();
    this.#key.encode(key);
    this.#counters.update();
    return new SyncUpdate<V>(this.#updated, change, options).makeInTurn(this.#queues, this.#key);
  }

  #updateOptionsOf(options: PutOptions | undefined): UpdateOptions {
    if (options === undefined) return USUAL_OPTIONS;
    return { expiresAtMs: givenExpiryOf(options), mustSync: mustSyncOf(options, this.#level) };
  }

  async clear(): Promise<void> {
    this.#lifetime.assertOpen();
    // No update may be between its read and its compare-and-set when the key goes.
    if (this.#queues.count !== 0) this.#queues.settleAll(true);
    const batch = new BatchCompletion();
    for (const slot of this.#reads.usedSlots()) {
      batch.expect();
      this.#client.clearSlot(slot, batch);
    }
    batch.seal();
    await batch.promise;
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#codec.letGo?.();
    const gone = undefined as never;
    this.#client =
      this.#codec =
      this.#garbage =
      this.#counters =
      this.#queues =
      this.#updated =
      this.#reads =
        gone;
  }

  #issueAll<Item>(
    items: Iterable<Item>,
    issue: IssueItem<Item>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return issueBatch(this.#client, this.#lifetime, items, issue, signal);
  }

  /** Encodes both for a change whose options have been read, which may have closed the store. */
  #encode(key: Key, value: V): void {
    this.#lifetime.assertOpen();
    this.#encodePair(key, value);
  }

  /** Encodes value and key; the value first: that may store a structure under another key. */
  #encodePair(key: Key, value: V): void {
    this.#codec.encode(value);
    this.#key.encode(key);
    const bytes = this.#codec.end - this.#codec.start;
    this.#counters.put(bytes);
    // The value was made to be stored, most likely, and is garbage afterwards.
    this.#garbage.count(bytes);
  }

  /** Executes what has been issued for a key before and waits for its turn. */
  #settleQueue(key: Key): void {
    this.#key.encode(key);
    this.#queues.settle(this.#key, true);
  }

  /** Encodes a put, as its options say. */
  #draftPut(
    key: Key,
    value: V,
    condition: number,
    version: number,
    options: PutOptions | undefined,
  ): RequestDraft {
    const expiresAtMs = expiryOf(options);
    const mustSync = mustSyncOf(options, this.#level);
    this.#encode(key, value);
    return draftPut(this.#key, this.#codec, expiresAtMs, condition, version, mustSync);
  }

  #draftDelete(key: Key, condition: number, version: number): RequestDraft {
    this.#key.encode(key);
    this.#counters.delete();
    return draftOfKey(Operation.DELETE, this.#key, condition, version);
  }

  #delete(key: Key, condition: number, version: number): Promise<boolean> {
    const draft = this.#draftDelete(key, condition, version);
    const completion = new OutcomeCompletion();
    this.#issue(draft, completion);
    return completion.promise;
  }

  /** Issues a request of the encoded key, or has it wait for its turn. */
  #issue(draft: RequestDraft, completion: Completion): void {
    const client = this.#client;
    if (!this.#queues.has(this.#key)) return void client.issue(draft, completion);
    // A copy: the codec encodes the next value to the same place. (A Buffer's slice would be none.)
    const { bytes, start, end } = draft.value;
    const value = { bytes: new Uint8Array(bytes.subarray(start, end)), start: 0, end: end - start };
    this.#queues.issue(this.#key, completion, value.end, (key, sequence) => {
      client.issue({ ...draft, key, value }, completion, sequence);
    });
  }

  /** Issues a request, and waits until it has ended; returns the version that its key has by it. */
  #issueSync(draft: RequestDraft): number | undefined {
    const completion = this.#syncs.take();
    this.#client.issue(draft, completion);
    this.#client.waitFor(completion);
    this.#syncs.give(completion);
    completion.throwError();
    return completion.version;
  }

  #makeUpdated(reads: StoreReads<V>): UpdatedStore<V> {
    const client = this.#client;
    return {
      beginRead: (key, wake) => reads.beginRead(key, wake),
      beginSet: (key, old, value, options, completion) => {
        this.#lifetime.assertNotFailed();
        this.#codec.encode(value);
        this.#counters.write(this.#codec.end - this.#codec.start);
        const { expiresAtMs, mustSync } = options;
        const expiry = expiresAtMs ?? old?.expiresAt ?? Infinity;
        const condition = old === undefined ? Condition.ABSENT : Condition.VERSION;
        const version = old?.version ?? 0;
        client.put(key, this.#codec, expiry, condition, version, completion, mustSync);
      },
      beginDelete: (key, { version }, completion) => {
        this.#lifetime.assertNotFailed();
        client.delete(key, completion, 0, Condition.VERSION, version);
      },
      waitFor: (completion) => client.waitFor(completion),
      requeue: (key, turn) => {
        this.#lifetime.assertOpen();
        this.#queues.add(key, turn);
      },
    };
  }
}
