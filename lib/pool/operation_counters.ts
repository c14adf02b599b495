/**
 * What the threads that use a store have done, in shared memory: plain float64 words with one
 * writer at a time, outside every protocol.
 *
 * Each client's place has its counters, which are never cleared: they are those of all threads that
 * have had the place. What they were when the present one came, it notes behind them. So the sum
 * over all places is that of all threads since the pool was opened, and no thread writes what
 * another one does.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { CLIENT_COUNT_MAX } from "../core/limits.ts";
import { LINE_WORDS } from "./lines.ts";
import { CLIENT_COUNTERS } from "./control_layout.ts";
import type { Pool } from "./pool.ts";

/** What is counted, in the order of the words. */
export const OperationCounter = {
  /** Reads that have found their key, and those that have not. */
  HITS: 0,
  MISSES: 1,
  /** Values sent to be stored, keys sent to be deleted, and updates begun. */
  PUTS: 2,
  DELETES: 3,
  UPDATES: 4,
  /** Encoded bytes of values that were copied from the pool, and sent to it. */
  BYTES_READ: 5,
  BYTES_WRITTEN: 6,
} as const;

/** Number of counters. */
export const OPERATION_COUNTER_COUNT = 7;

assert(
  4 * OPERATION_COUNTER_COUNT <= LINE_WORDS,
  "a client's line holds its counters, and what they were when it came",
);

/** One client's counters; only its own thread may count. */
export class OperationCounters {
  readonly #values: Float64Array;
  readonly #first: number;

  /** The counters of a client's place. */
  constructor(pool: Pick<Pool, "counters">, client: number) {
    this.#values = pool.counters;
    this.#first = firstOf(client);
  }

  /** Counters that no other thread sees. */
  static apart(): OperationCounters {
    return new OperationCounters({ counters: new Float64Array(firstOf(1)) }, 0);
  }

  /** What was counted. */
  get(counter: number): number {
    return this.#values[this.#first + counter]!;
  }

  /** Counts a read; `bytes` of a value that was copied. */
  read(isThere: boolean, bytes: number): void {
    const values = this.#values;
    const first = this.#first;
    if (isThere) {
      values[first + OperationCounter.HITS] += 1;
      values[first + OperationCounter.BYTES_READ] += bytes;
    } else {
      values[first + OperationCounter.MISSES] += 1;
    }
  }

  /** Counts a put of a value of so many bytes. */
  put(bytes: number): void {
    this.#values[this.#first + OperationCounter.PUTS] += 1;
    this.write(bytes);
  }

  /** Counts bytes that an update has sent. */
  write(bytes: number): void {
    this.#values[this.#first + OperationCounter.BYTES_WRITTEN] += bytes;
  }

  /** Counts a delete. */
  delete(): void {
    this.#values[this.#first + OperationCounter.DELETES] += 1;
  }

  /** Counts an update. */
  update(): void {
    this.#values[this.#first + OperationCounter.UPDATES] += 1;
  }
}

/** A client has come: what it does is counted from here. Called by its thread. */
export function beginCounting(pool: Pool, client: number): void {
  const first = firstOf(client);
  pool.counters.copyWithin(
    first + OPERATION_COUNTER_COUNT,
    first,
    first + OPERATION_COUNTER_COUNT,
  );
}

/** What the client that has a place has counted. */
export function countedBy(pool: Pool, client: number, counter: number): number {
  const at = firstOf(client) + counter;
  return pool.counters[at] - pool.counters[at + OPERATION_COUNTER_COUNT];
}

/** What all clients have counted since the pool was opened. */
export function countedByAll(pool: Pool, counter: number): number {
  let sum = 0;
  for (let client = 0; client < CLIENT_COUNT_MAX; client++) {
    sum += pool.counters[firstOf(client) + counter];
  }
  return sum;
}

function firstOf(client: number): number {
  return (CLIENT_COUNTERS + client * LINE_WORDS) / 2;
}
