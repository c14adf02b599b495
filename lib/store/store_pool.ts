/**
 * The pool as a store uses it, wherever it is: in this process, where `LocalPool` reads it, or in
 * another one, where `RemotePool` asks.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { Pool } from "../pool/pool.ts";
import type { StoreHandle } from "./handle.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { PoolPicture } from "./pool_picture.ts";
import type { StoreReads } from "./reads.ts";
import type { StoreStats } from "./stats.ts";
import type { OperationParts } from "./store_parts.ts";
import type { WatchSource } from "./watch_source.ts";

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

/** What a store asks of its pool. */
export interface StorePool {
  readonly facts: PoolFacts;
  readonly isReadOnly: boolean;
  /** Whether the store is open for all who use it. */
  readonly isOpen: boolean;
  /** Bytes of its shared buffers in this process. */
  readonly sharedBytes: number;
  /** Those of them that nobody needs any more when this store has been closed. */
  readonly goneBytes: number;
  /** Number of KNs. */
  readonly nodeCount: number;
  /** Most segments that it may have. */
  readonly segmentLimit: number;
  /** Why the store is not open, although this thread has not closed it. */
  closedError(): DinomoError;
  /** Makes what reads it. */
  makeReads<V>(parts: OperationParts<V>): StoreReads<V>;
  /** Makes what tells the watches of this thread of changes. */
  makeWatches(lifetime: StoreLifetime): WatchSource;
  /**
   * Refuses a method that makes several changes together.
   *
   * @throws {DinomoError} unless it can be done with this pool, from here
   */
  assertCommits(method: string): void;
  /**
   * The pool itself, for a method that looks at it.
   *
   * @throws {DinomoError} when this thread does not read it
   */
  directly(method: string): DirectPool;
  /**
   * Encodes a key that is to be owned by several KNs.
   *
   * @throws {DinomoError} when there can be none
   */
  encodeReplicable(key: Key): KeyEncoder;
  /** Figures; `pending` operations of this thread have not ended. */
  stats(pending: number): StoreStats;
  /** What it looks like; undefined from where it cannot be seen. */
  picture(): PoolPicture | undefined;
  /**
   * What other threads attach by.
   *
   * @throws {DinomoError} when none can attach from here
   */
  share(): StoreHandle;
  /** Lets go of everything that leads to the pool. */
  letGo(): void;
}
