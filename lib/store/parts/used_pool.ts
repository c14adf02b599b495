/**
 * The pool as operations use it, wherever it is.
 *
 * @module
 */
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import type { Pool } from "../../pool/pool.ts";

/** What does not change about a pool, and every thread has to know. */
export interface PoolFacts {
  readonly hashKey: readonly [number, number];
  /** Types of its keys, one of `KEY_TYPE_NUMBERS`. */
  readonly keyTypes: number;
  /** Its durability, one of `DurabilityLevel`. */
  readonly level: number;
}

/** A pool that this thread reads itself. */
export interface DirectPool {
  readonly pool: Pool;
  readonly reader: OneSidedReader;
}

/** What operations ask of their pool. */
export interface UsedPool {
  readonly facts: PoolFacts;
  /**
   * Refuses a method that makes several changes together.
   *
   * @throws {DinomoError} unless it can be done with this pool, from here
   */
  assertCommits(method: string): void;
}
