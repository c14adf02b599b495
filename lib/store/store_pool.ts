/**
 * The pool as a store uses it, wherever it is: in this process, where `LocalPool` reads it, or in
 * another one, where `RemotePool` asks.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import type { StoreHandle } from "./parts/handle.ts";
import type { PoolLife, StoreLifetime } from "./parts/lifetime.ts";
import type { ClusterPicture } from "../core/cluster_figures.ts";
import type { PoolPicture } from "./figures/pool_picture.ts";
import type { StoreReads } from "./reads/reads.ts";
import type { StoreStats } from "./figures/stats.ts";
import type { OperationParts } from "./parts/store_parts.ts";
import type { UsedPool } from "./parts/used_pool.ts";
import type { WatchSource } from "../watch/watch_source.ts";

/** What a store asks of its pool. */
export interface StorePool extends UsedPool, PoolLife {
  /** Bytes of its shared buffers in this process. */
  readonly sharedBytes: number;
  /** Those of them that nobody needs any more when this store has been closed. */
  readonly goneBytes: number;
  /** Number of KNs. */
  readonly nodeCount: number;
  /**
   * Checks a number of KNs that is wanted, as far as that can be done from here.
   *
   * @param bounds of autoscale, if the M-node decides about their number, too
   * @throws {InvalidArgumentError} when there cannot be so many
   */
  assertNodeCount(nodes: number, bounds?: { readonly min: number; readonly max: number }): void;
  /** Makes what reads it. */
  makeReads<V>(parts: OperationParts<V>): StoreReads<V>;
  /** Makes what tells the watches of this thread of changes. */
  makeWatches(lifetime: StoreLifetime): WatchSource;
  /**
   * Encodes a key that is to be owned by several KNs.
   *
   * @throws {DinomoError} when there can be none
   */
  encodeReplicable(key: Key): KeyEncoder;
  /**
   * Figures; `pending` operations of this thread have not ended.
   *
   * @throws {DinomoError} when they have to be waited for
   */
  stats(pending: number): StoreStats;
  /** The same, wherever the pool is. */
  readStats(pending: number): Promise<StoreStats>;
  /**
   * What it looks like, wherever it is.
   *
   * @throws {DinomoError} when it is no pool of slots and segments, or there is no answer
   */
  readPicture(): Promise<PoolPicture | ClusterPicture>;
  /**
   * What other threads attach by.
   *
   * @throws {DinomoError} when none can attach from here
   */
  share(): StoreHandle;
  /** Lets go of everything that leads to the pool. */
  letGo(): void;
}
