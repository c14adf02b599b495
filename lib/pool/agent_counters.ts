/**
 * Counters that an agent keeps for `stats()`: plain float64 words with one writer at a time,
 * outside every protocol.
 *
 * @module
 */
import { AGENT_COUNTERS, AGENT_EXECUTOR } from "./control_layout.ts";
import { assert } from "../core/assert.ts";
import type { Pool } from "./pool.ts";

/** What is counted, in the order of the words. */
export const AgentCounter = {
  /** Requests executed. */
  REQUESTS: 0,
  /** Batches of them. */
  BATCHES: 1,
  /** Requests refused because their slot had moved. */
  MOVED: 2,
  /** Times that a put had to wait for cleaning. */
  CLEANING_STALLS: 3,
  /** Segments cleaned. */
  SEGMENTS_CLEANED: 4,
  /** Records removed because they had expired. */
  EXPIRED: 5,
  /** Times that the thread slept. */
  SLEEPS: 6,
  /** Bytes of live records that cleaning has moved. */
  BYTES_MOVED: 7,
  /** Requests among REQUESTS that their clients have executed themselves. */
  HELPED: 8,
  /**
   * Time that the KN's steps have taken, in microseconds: an estimate, and 0 unless statistics are
   * kept.
   */
  BUSY_MICROS: 9,
  /** Records dropped because the pool was full, or had too many keys. */
  EVICTED: 10,
} as const;

/** Number of counters. */
export const AGENT_COUNTER_COUNT = 11;

assert(
  AGENT_COUNTERS + 2 * AGENT_COUNTER_COUNT <= AGENT_EXECUTOR,
  "an agent block holds its counters",
);

/** One agent's counters. */
export class AgentCounters {
  readonly #values: Float64Array;
  readonly #first: number;

  /** The counters of an agent of a pool. */
  constructor(pool: Pool, agent: number) {
    this.#values = pool.counters;
    this.#first = (pool.agentAt(agent) + AGENT_COUNTERS) / 2;
  }

  /** Adds to a counter; only the agent itself may. */
  add(counter: number, amount: number): void {
    this.#values[this.#first + counter] += amount;
  }

  /** Sets a counter to what its source has counted; only the agent itself may. */
  set(counter: number, value: number): void {
    this.#values[this.#first + counter] = value;
  }

  /** Reads a counter. */
  get(counter: number): number {
    return this.#values[this.#first + counter];
  }

  /** Starts all counters at zero, for a new holder of the block. */
  reset(): void {
    this.#values.fill(0, this.#first, this.#first + AGENT_COUNTER_COUNT);
  }
}
