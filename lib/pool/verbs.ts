/**
 * The verbs by which a far KN gets at the pool: `read`, `write`, `compareAndSwap`, `fetchAndAdd`
 * and `send`, as of a network card that reads and writes remote memory. Each call counts as one
 * round trip (RT), and costs as long as the store is told that one lasts.
 *
 * What counts, and what does not:
 *
 * - Reading a bucket of the index is one read, reading a record is another, with the bytes that are
 *   transferred. The words that say whether what was read is still valid (META of the slot's table,
 *   the generation of the segment) are taken to come along.
 * - What a KN logs in one step is one write, however many records it is: group commit.
 * - Asking the pool's side for a segment is one send.
 * - Ownership words, rings and the node directory are how the threads of this process talk to each
 *   other. They are no part of the pool, and are not counted; nor is what DPM processors do, which
 *   are where the pool is.
 *
 * In the near placement nothing goes through here. Counters are plain float64 words in the agent's
 * block with one writer, outside every protocol.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { copyWords } from "../core/copy_words.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { AGENT_BLOCK_WORDS, AGENT_VERB_COUNTERS } from "./control_layout.ts";
import type { Pool } from "./pool.ts";

/** What is counted, in the order of the words. */
export const VerbCounter = {
  READS: 0,
  WRITES: 1,
  COMPARE_AND_SWAPS: 2,
  FETCH_AND_ADDS: 3,
  SENDS: 4,
  BYTES_READ: 5,
  BYTES_WRITTEN: 6,
  /** Lookups that found a value in the cache: no RT. */
  VALUE_HITS: 7,
  /** Lookups that found a shortcut that was still good: one RT. */
  SHORTCUT_HITS: 8,
  /** Shortcuts that did not lead to the key's record any more. */
  STALE_SHORTCUTS: 9,
  /** Lookups that the KN's own unmerged records have answered: no RT. */
  LOG_HITS: 10,
  /** Lookups that went through the index. */
  MISSES: 11,
  /** Reads and writes of clients that were executed. */
  GETS: 12,
  PUTS: 13,
  /** Steps in which a KN had to wait for its log to be merged. */
  BACKLOG_WAITS: 14,
  /** Reads and writes of clients, among them, of keys that other KNs own, too. */
  SHARED_GETS: 15,
  SHARED_PUTS: 16,
} as const;

/** Number of counters. */
export const VERB_COUNTER_COUNT = 17;

assert(
  AGENT_VERB_COUNTERS + 2 * VERB_COUNTER_COUNT <= AGENT_BLOCK_WORDS,
  "an agent block holds its verbs' counters",
);

/** What one round trip costs. */
export interface VerbsOptions {
  /** How long one round trip lasts, in microseconds. @default 0 */
  readonly roundTripMicros?: number | undefined;
  /** Lets so many microseconds pass. @default spins */
  readonly wait?: ((micros: number) => void) | undefined;
}

/** One agent's verbs. */
export class Verbs {
  readonly #values: Float64Array;
  readonly #first: number;
  readonly #roundTripMicros: number;
  readonly #wait: (micros: number) => void;

  /** The verbs of an agent of a pool. */
  constructor(pool: Pool, agent: number, options: VerbsOptions = {}) {
    this.#values = pool.counters;
    this.#first = (pool.agentAt(agent) + AGENT_VERB_COUNTERS) / 2;
    this.#roundTripMicros = options.roundTripMicros ?? 0;
    this.#wait = options.wait ?? spin;
  }

  /** Round trips so far. */
  get roundTrips(): number {
    let sum = 0;
    for (let i = VerbCounter.READS; i <= VerbCounter.SENDS; i++) sum += this.get(i);
    return sum;
  }

  /** Copies words of the pool into private memory. */
  read(source: Int32Array, from: number, target: Int32Array, to: number, words: number): void {
    copyWords(source, from, target, to, words);
    this.count(VerbCounter.BYTES_READ, words * 4);
    this.#pay(VerbCounter.READS);
  }

  /** Says that so many bytes have been written to the pool, in one go. */
  write(bytes: number): void {
    this.count(VerbCounter.BYTES_WRITTEN, bytes);
    this.#pay(VerbCounter.WRITES);
  }

  /** Swaps a word of the pool if it is still `expected`; returns what it was. */
  compareAndSwap(words: Int32Array, at: number, expected: number, replacement: number): number {
    this.#pay(VerbCounter.COMPARE_AND_SWAPS);
    return Atomics.compareExchange(words, at, expected, replacement);
  }

  /** Adds to a word of the pool; returns what it was. */
  fetchAndAdd(words: Int32Array, at: number, amount: number): number {
    this.#pay(VerbCounter.FETCH_AND_ADDS);
    return Atomics.add(words, at, amount);
  }

  /** Says that the pool's side has been asked for something, and has answered. */
  send(): void {
    this.#pay(VerbCounter.SENDS);
  }

  /** Adds to a counter. */
  count(counter: number, amount: number): void {
    this.#values[this.#first + counter]! += amount;
  }

  /** Reads a counter. */
  get(counter: number): number {
    return this.#values[this.#first + counter]!;
  }

  /** Starts all counters at zero, for a new holder of the block. */
  reset(): void {
    this.#values.fill(0, this.#first, this.#first + VERB_COUNTER_COUNT);
  }

  #pay(verb: number): void {
    this.count(verb, 1);
    if (this.#roundTripMicros > 0) this.#wait(this.#roundTripMicros);
  }
}

/** A sleep takes far longer than a round trip. */
function spin(micros: number): void {
  const endMs = monotonicMs() + micros / 1000;
  while (monotonicMs() < endMs);
}
