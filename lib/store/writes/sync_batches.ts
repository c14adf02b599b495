/**
 * Changes of many keys that are made before their calls return: their requests are on their way
 * together, and the thread blocks until all have ended.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { ItemCompletion, SyncBatch } from "../../client/completions.ts";
import type { GarbageMeter } from "../../client/garbage_meter.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { ValueCodec } from "../../codec/codec.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import { Condition } from "../../rings/ring_layout.ts";
import { iterable } from "../arguments/arguments.ts";
import { EntryOptions, type IssueItem, issueItem } from "../arguments/batches.ts";
import type { PutEntry, PutOptions } from "../arguments/method_options.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { OperationParts } from "../parts/store_parts.ts";
import type { StoreReads } from "../reads/reads.ts";

/** Such changes by one thread. */
export class SyncBatches<V> {
  #client: Client;
  #codec: ValueCodec<V>;
  #garbage: GarbageMeter;
  #queues: KeyQueues;
  #counters: OperationCounters;
  #reads: StoreReads<V>;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;

  /** Writes with a store's parts; `reads` are the store's, too. */
  constructor(parts: OperationParts<V>, reads: StoreReads<V>) {
    this.#reads = reads;
    this.#counters = parts.counters;
    this.#client = parts.client;
    this.#codec = parts.codec;
    this.#garbage = parts.garbage;
    this.#queues = parts.queues;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#level = parts.pool.facts.level;
  }

  putMany(entries: Iterable<PutEntry<V>>, options?: PutOptions): void {
    this.#lifetime.assertWritable("putManySync");
    this.#lifetime.assertBlocks("putManySync");
    const own = new EntryOptions(options, this.#level);
    this.#issueAll(iterable<PutEntry<V>>("entries", entries), (entry, batch) => {
      own.take(entry);
      const { expiresAtMs, mustSync } = own;
      const [key, value] = entry;
      this.#settleQueue(key);
      // The value first: encoding it may store a structure under another key.
      const codec = this.#codec;
      codec.encode(value);
      this.#key.encode(key);
      const bytes = codec.end - codec.start;
      this.#counters.put(bytes);
      this.#garbage.count(bytes);
      this.#client.put(this.#key, codec, expiresAtMs, Condition.NONE, 0, batch, mustSync);
      return bytes;
    });
  }

  deleteMany(keys: Iterable<Key>): boolean[] {
    this.#lifetime.assertWritable("deleteManySync");
    this.#lifetime.assertBlocks("deleteManySync");
    const outcomes: boolean[] = [];
    this.#issueAll(iterable<Key>("keys", keys), (key, batch) => {
      this.#settleQueue(key);
      this.#key.encode(key);
      this.#counters.delete();
      const completion = new ItemCompletion(batch, outcomes, outcomes.push(false) - 1);
      this.#client.delete(this.#key, completion);
      return 0;
    });
    return outcomes;
  }

  clear(): void {
    this.#lifetime.assertBlocks("clearSync");
    // No update may be between its read and its compare-and-set when the key goes.
    if (this.#queues.count !== 0) this.#queues.settleAll(true);
    this.#issueAll(this.#reads.usedSlots(), (slot, batch) => {
      this.#client.clearSlot(slot, batch);
      return 0;
    });
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.#client =
      this.#codec =
      this.#garbage =
      this.#queues =
      this.#counters =
      this.#reads =
        undefined as never;
  }

  /** Executes what has been issued for a key before and waits for its turn. */
  #settleQueue(key: Key): void {
    this.#lifetime.assertOpen();
    if (this.#queues.count === 0) return;
    this.#key.encode(key);
    this.#queues.settle(this.#key, true);
  }

  /** Issues one request per item, and waits until all have ended. */
  #issueAll<Item>(items: Iterable<Item>, issue: IssueItem<Item, SyncBatch>): void {
    this.#lifetime.assertOpen();
    const batch = new SyncBatch();
    try {
      for (const item of items) issueItem(item, batch, issue);
    } catch (error) {
      batch.refuse(error);
    }
    this.#client.waitFor(batch);
    batch.throwError();
  }
}
