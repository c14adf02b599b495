/**
 * Operations whose value the key's KN makes from what it holds (node/derived_records.ts):
 * increments, and other expiry times. Each is one request at most.
 *
 * @module
 */
import { AdditionCompletion, notANumber } from "../../client/addition_completion.ts";
import type { Client } from "../../client/client.ts";
import type { Completion } from "../../client/completions.ts";
import { DerivedCompletion, type ResultOf } from "../../client/derived_completion.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import { DERIVATION_BYTES, DerivationWords } from "../../rings/derivation_words.ts";
import { Operation } from "../../rings/ring_layout.ts";
import { askToAdd, mustSyncOf, touchExpiryOf } from "../arguments/arguments.ts";
import { type Entry, entryOf } from "../arguments/entry.ts";
import type { BoundedIncrementOptions, TouchOptions } from "../arguments/method_options.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import type { OperationParts } from "../parts/store_parts.ts";

const takeVersion: ResultOf<number | undefined> = (_status, version) => version;

/** Such operations by one thread. */
export class DerivedWrites {
  #client: Client;
  #queues: KeyQueues;
  #counters: OperationCounters;
  readonly #key: KeyEncoder;
  readonly #lifetime: StoreLifetime;
  readonly #numberForm: number;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;
  /** What the next request asks for. */
  #asked = new DerivationWords();

  /** Writes with a store's parts. */
  constructor(parts: OperationParts<unknown>) {
    this.#client = parts.client;
    this.#queues = parts.queues;
    this.#counters = parts.counters;
    this.#key = parts.key;
    this.#lifetime = parts.lifetime;
    this.#numberForm = parts.codec.numberForm;
    this.#level = parts.pool.facts.level;
  }

  increment(
    key: Key,
    by: number | undefined,
    options: BoundedIncrementOptions | undefined,
  ): Promise<number | undefined> {
    try {
      const mustSync = this.#askToAdd(by, options);
      this.#begin(key);
      const other = this.#queues.count === 0
        ? this.#client.join(this.#key, this.#asked, mustSync)
        : undefined;
      return other === undefined ? this.#add(key, mustSync) : other.join();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  incrementSync(
    key: Key,
    by: number | undefined,
    options: BoundedIncrementOptions | undefined,
  ): number | undefined {
    return this.#addNow(key, by, options, sumOf(key));
  }

  incrementEntry(
    key: Key,
    by: number | undefined,
    options: BoundedIncrementOptions | undefined,
  ): Promise<Entry<number> | undefined> {
    try {
      const mustSync = this.#askToAdd(by, options);
      return this.#deriveLater(Operation.ADD, key, entryOfSum(key), mustSync);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  incrementEntrySync(
    key: Key,
    by: number | undefined,
    options: BoundedIncrementOptions | undefined,
  ): Entry<number> | undefined {
    return this.#addNow(key, by, options, entryOfSum(key));
  }

  touch(key: Key, options: TouchOptions): Promise<number | undefined> {
    try {
      const mustSync = this.#askToTouch(options);
      return this.#deriveLater(Operation.TOUCH, key, takeVersion, mustSync);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  touchSync(key: Key, options: TouchOptions): number | undefined {
    const mustSync = this.#askToTouch(options);
    return this.#deriveNow(Operation.TOUCH, key, takeVersion, mustSync);
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    const gone = undefined as never;
    this.#client = this.#queues = this.#counters = gone;
  }

  #addNow<Result>(
    key: Key,
    by: number | undefined,
    options: BoundedIncrementOptions | undefined,
    resultOf: ResultOf<Result>,
  ): Result {
    const mustSync = this.#askToAdd(by, options);
    return this.#deriveNow(Operation.ADD, key, resultOf, mustSync);
  }

  /** Prepares an addition; returns whether it must be synced. */
  #askToAdd(by: number | undefined, options: BoundedIncrementOptions | undefined): boolean {
    this.#lifetime.assertWritable("increment");
    // Last: options may be getters, which ask for something else.
    const mustSync = mustSyncOf(options, this.#level);
    askToAdd(this.#asked, this.#numberForm, by === undefined ? 1 : by, options);
    return mustSync;
  }

  /** Prepares a touch; returns whether it must be synced. */
  #askToTouch(options: TouchOptions): boolean {
    this.#lifetime.assertWritable("touch");
    const mustSync = mustSyncOf(options, this.#level);
    const expiresAtMs = touchExpiryOf(options);
    this.#asked.askToTouch(expiresAtMs);
    return mustSync;
  }

  /** Issues an addition that others may join. */
  #add(key: Key, mustSync: boolean): Promise<number | undefined> {
    const completion = new AdditionCompletion(key);
    const promise = completion.join();
    const client = this.#client;
    this.#issue(completion, (own, asked, sequence) => {
      client.add(own, asked, completion, mustSync, sequence);
    });
    return promise;
  }

  #deriveLater<Result>(
    operation: number,
    key: Key,
    resultOf: ResultOf<Result>,
    mustSync: boolean,
  ): Promise<Result> {
    this.#begin(key);
    const completion = new DerivedCompletion(resultOf);
    const promise = completion.whenSettled();
    const client = this.#client;
    this.#issue(completion, (own, asked, sequence) => {
      client.derive(operation, own, asked, completion, mustSync, sequence);
    });
    return promise;
  }

  #begin(key: Key): void {
    // Options have been read since the first look, which may have closed the store.
    this.#lifetime.assertOpen();
    this.#key.encode(key);
    this.#counters.update();
  }

  /** Issues what has been asked for, in its turn. */
  #issue(
    completion: Completion,
    issue: (key: KeyEncoder, asked: DerivationWords, sequence: number) => void,
  ): void {
    const asked = this.#asked;
    // It may be issued later.
    if (this.#queues.count !== 0) this.#asked = new DerivationWords();
    this.#queues.issue(this.#key, completion, DERIVATION_BYTES, (own, sequence) => {
      issue(own, asked, sequence);
    });
  }

  #deriveNow<Result>(
    operation: number,
    key: Key,
    resultOf: ResultOf<Result>,
    mustSync: boolean,
  ): Result {
    this.#lifetime.assertBlocks(operation === Operation.ADD ? "incrementSync" : "touchSync");
    const asked = this.#asked;
    if (this.#queues.count !== 0) {
      // Functions of the application are called, which may ask for others.
      this.#asked = new DerivationWords();
      this.#key.encode(key);
      this.#queues.settle(this.#key, true);
    }
    this.#key.encode(key);
    this.#counters.update();
    const completion = new DerivedCompletion(resultOf);
    this.#client.derive(operation, this.#key, asked, completion, mustSync);
    this.#client.waitFor(completion);
    return completion.take();
  }
}

/** Makes the result of an increment of a key; undefined if the bounds have not allowed it. */
function resultOfSum<Result>(
  key: Key,
  make: (sum: number, version: number, left: DerivationWords) => Result,
): ResultOf<Result | undefined> {
  return (_status, version, left) => {
    const sum = left.sumAfter(left.before);
    if (left.allows(sum)) return make(sum, version!, left);
    if (Number.isFinite(sum)) return undefined;
    throw notANumber(key, left.before);
  };
}

function sumOf(key: Key): ResultOf<number | undefined> {
  return resultOfSum(key, (sum) => sum);
}

function entryOfSum(key: Key): ResultOf<Entry<number> | undefined> {
  return resultOfSum(key, (sum, version, left) => entryOf(sum, version, left.expiresAtMs));
}
