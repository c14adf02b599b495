/**
 * Reads by requests: those of a far pool, which KNs execute, and those of a pool that another
 * process has open, which its gateway executes.
 *
 * A read sees what this thread has issued for its key before: behind updates in progress it waits
 * for its turn.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { InstantTurn, type KeyQueues } from "../../client/key_queues.ts";
import type { Slot } from "../../core/brands.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import { ReadCompletion, type ReadSource } from "../../far/client/routed_reads.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import type { AbortOptions } from "../arguments/abort.ts";
import { ownKeysInTurns } from "../arguments/batches.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";

/** What such reads are made of. */
export interface RequestedReadsParts {
  readonly client: Client;
  readonly queues: KeyQueues;
  readonly counters: OperationCounters;
  readonly lifetime: StoreLifetime;
}

/** The reads of one thread. */
export class RequestedReads {
  #client: Client;
  #queues: KeyQueues;
  #counters: OperationCounters;
  readonly #lifetime: StoreLifetime;
  readonly #key: KeyEncoder;
  #source: ReadSource;
  readonly #keysPerRead: number;

  /**
   * Reads with a store's parts.
   *
   * @param key holds the key of one read at a time
   * @param source where what was read comes back
   * @param keysPerRead how many of many keys are asked for at one time
   */
  constructor(
    parts: RequestedReadsParts,
    key: KeyEncoder,
    source: ReadSource,
    keysPerRead: number,
  ) {
    this.#client = parts.client;
    this.#queues = parts.queues;
    this.#counters = parts.counters;
    this.#lifetime = parts.lifetime;
    this.#key = key;
    this.#source = source;
    this.#keysPerRead = keysPerRead;
  }

  /** Lets go of what leads to a pool, as a store that has closed does: reads throw from now on. */
  letGo(): void {
    const gone = undefined as never;
    this.#client =
      this.#queues =
      this.#counters =
      this.#source =
        gone;
  }

  /** Reads a key without a request, if that can be done now; undefined: it is to be issued. */
  readHere(key: Key, withValue: boolean): ReadCompletion | undefined {
    const source = this.#source;
    if (source.readHere === undefined) return undefined;
    this.#lifetime.assertNotFailed();
    const slot = (this.#key.encode(key) >>> SLOT_SHIFT) as Slot;
    // Behind what is on its way a read is issued, too: so it finds what this thread has changed.
    if (this.#queues.has(this.#key) || this.#client.isSlotPending(slot)) return undefined;
    const found = source.readHere(this.#key, withValue);
    return found && new ReadCompletion(source).found(found, withValue);
  }

  /** Reads a key: here, if that can be done now. */
  read(key: Key, withValue: boolean): Promise<ReadCompletion> {
    try {
      const here = this.readHere(key, withValue);
      return here === undefined ? this.issue(key, withValue) : Promise.resolve(here);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Issues a read, or has it wait for its turn, without a look whether it can be done here. */
  issue(key: Key, withValue: boolean): Promise<ReadCompletion> {
    return new Promise((resolve, reject) => {
      this.#lifetime.assertNotFailed();
      this.#key.encode(key);
      const completion = new ReadCompletion(this.#source, (ended) => {
        if (ended.error) return reject(ended.error);
        resolve(ended);
      });
      const client = this.#client;
      if (!this.#queues.has(this.#key)) return client.get(this.#key, withValue, completion);
      const turn = new InstantTurn(
        0,
        ({ queue, sequence }) => client.get(queue.key, withValue, completion, sequence),
        reject,
      );
      this.#queues.add(this.#key, turn);
    });
  }

  /** Reads each of some keys, many at a time. */
  async each<Result>(
    keys: Iterable<Key>,
    options: AbortOptions | undefined,
    withValue: boolean,
    take: (ended: ReadCompletion, key: Key) => Result | Promise<Result>,
  ): Promise<Result[]> {
    const client = this.#client;
    const operation = client.begin();
    try {
      const taken = ownKeysInTurns(keys, options?.signal);
      const list = Array.isArray(taken) ? taken : await taken;
      const results: Result[] = [];
      for (let at = 0; at < list.length; at += this.#keysPerRead) {
        options?.signal?.throwIfAborted();
        const burst = list.slice(at, at + this.#keysPerRead);
        const reads = await Promise.all(burst.map((key) => this.read(key, withValue)));
        for (const [i, read] of reads.entries()) {
          const result = take(read, burst[i]!);
          results.push(result instanceof Promise ? await result : result);
          if (loopTurn.count(read.value?.bytes.length ?? 0)) await loopTurn.next();
        }
      }
      return results;
    } finally {
      client.end(operation);
    }
  }

  /** Reads each of some keys, many at a time, before it returns. */
  eachSync<Result>(
    keys: readonly Key[],
    withValue: boolean,
    take: (ended: ReadCompletion, key: Key) => Result,
  ): Result[] {
    const results: Result[] = [];
    for (let at = 0; at < keys.length; at += this.#keysPerRead) {
      const burst = keys.slice(at, at + this.#keysPerRead);
      const reads = burst.map((key) => this.#beginSync(key, withValue));
      reads.forEach((read, i) => results.push(take(this.#endSync(read), burst[i]!)));
    }
    return results;
  }

  /** Reads a key before it returns. */
  readSync(key: Key, withValue: boolean): ReadCompletion {
    return this.counted(this.#endSync(this.#beginSync(key, withValue)));
  }

  /** Counts a read that the application has asked for: a look at one moment reads keys twice. */
  counted(ended: ReadCompletion): ReadCompletion {
    this.count(ended.exists, ended.value);
    return ended;
  }

  /** Counts what a read has found that the application has asked for. */
  count(exists: boolean, found: ReadValue | undefined): void {
    this.#counters.read(exists, found?.bytes.length ?? 0);
  }

  #beginSync(key: Key, withValue: boolean): ReadCompletion {
    this.#lifetime.assertOpen();
    this.#key.encode(key);
    if (this.#queues.count !== 0) {
      this.#queues.settle(this.#key, false);
      // The functions of updates that are called by that may use the encoder.
      this.#key.encode(key);
    }
    const completion = new ReadCompletion(this.#source);
    this.#client.get(this.#key, withValue, completion);
    return completion;
  }

  #endSync(completion: ReadCompletion): ReadCompletion {
    this.#client.waitFor(completion);
    if (completion.error) throw completion.error;
    return completion;
  }
}
