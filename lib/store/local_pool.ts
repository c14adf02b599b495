/**
 * A pool in this process, as a store uses it.
 *
 * @module
 */
import { NearOnlyError } from "../core/commit_errors.ts";
import type { DinomoError } from "../core/errors.ts";
import type { Key, KeyEncoder } from "../core/key_encoder.ts";
import type { ClientCache } from "../client/client_cache.ts";
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import { DURABILITY_LEVEL } from "../pool/control_layout.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { isStoreOpen } from "../routing/client_registry.ts";
import { activeNodes } from "../routing/node_directory.ts";
import { assertNodeCount, encodeReplicable } from "./arguments/arguments.ts";
import { closedByHost, type StoreHandle } from "./parts/handle.ts";
import { IndexedKeys } from "./reads/indexed_keys.ts";
import type { StoreLifetime } from "./parts/lifetime.ts";
import { NearReads } from "./reads/near_reads.ts";
import { operationStats, threadStats } from "./figures/operation_stats.ts";
import { pictureOf, type PoolPicture } from "./figures/pool_picture.ts";
import type { StoreReads } from "./reads/reads.ts";
import { ATTACHED_STATS, gatherStats, type HostStats, type StoreStats } from "./figures/stats.ts";
import type { OperationParts, ReadParts } from "./parts/store_parts.ts";
import type { StorePool } from "./store_pool.ts";
import type { DirectPool, PoolFacts } from "./parts/used_pool.ts";
import { WatchHub } from "./watches/watch_hub.ts";

/** What reads a pool, with what a store has in common with all others. */
export type MakeReads = <V>(
  parts: ReadParts<V>,
  direct: DirectPool,
  indexed: IndexedKeys,
) => StoreReads<V>;

/** What it is made of. */
export interface LocalPoolOptions {
  readonly pool: Pool;
  readonly reader: OneSidedReader;
  readonly clientId: number;
  readonly cache: ClientCache<unknown> | undefined;
  /** What other threads attach by. */
  readonly handle: { readonly dinomo: number };
  /** Makes what reads the pool, unless this thread does. */
  readonly makeReads?: MakeReads | undefined;
  /** Figures that only the host has; undefined in an attached thread. */
  readonly hostStats?: (() => HostStats) | undefined;
}

/** A pool that a store of this thread works on. */
export class LocalPool implements StorePool {
  readonly facts: PoolFacts;
  readonly isReadOnly: boolean;
  #options: LocalPoolOptions;
  #pool: Pool;
  #indexed: IndexedKeys | undefined;

  /** Looks at nothing yet. */
  constructor(options: LocalPoolOptions) {
    const { pool } = options;
    this.#options = options;
    this.#pool = pool;
    this.isReadOnly = pool.isReadOnly;
    const { hashKey, keyTypes, control } = pool;
    this.facts = { hashKey, keyTypes, level: control[DURABILITY_LEVEL] };
  }

  get isOpen(): boolean {
    return isStoreOpen(this.#pool);
  }

  get sharedBytes(): number {
    return this.#pool.sharedBytes;
  }

  get goneBytes(): number {
    return this.#options.hostStats === undefined ? 0 : this.sharedBytes;
  }

  get nodeCount(): number {
    return activeNodes(this.#pool).length;
  }

  assertNodeCount(nodes: number, bounds?: { readonly min: number; readonly max: number }): void {
    assertNodeCount(nodes, bounds, this.#pool.segmentLimit);
  }

  closedError(): DinomoError {
    return closedByHost(this.#pool);
  }

  makeReads<V>(parts: OperationParts<V>): StoreReads<V> {
    const { pool, reader, makeReads = makeNearReads } = this.#options;
    const { key, lifetime, client, prefix } = parts;
    const indexed = this.#indexed = new IndexedKeys(pool, reader, key, lifetime, client, prefix);
    return makeReads(parts, { pool, reader }, indexed);
  }

  makeWatches(lifetime: StoreLifetime): WatchHub {
    return new WatchHub(this.#pool, this.#options.clientId, lifetime);
  }

  assertBlocks(): void {}

  assertCommits(method: string): void {
    if (!isFar(this.#pool)) return;
    throw new NearOnlyError(
      `${method} must be called on a store with placement "near", got a far one: ` +
        "there a change counts when its KN has logged it, and no KN can do that for several at once",
    );
  }

  encodeReplicable(key: Key): KeyEncoder {
    return encodeReplicable(key, this.#pool);
  }

  stats(pending: number): StoreStats {
    const { pool, clientId, reader, cache, hostStats } = this.#options;
    return {
      count: this.#indexed!.count(),
      ...gatherStats(pool, activeNodes(pool)),
      ...(hostStats?.() ?? ATTACHED_STATS),
      operations: operationStats(pool),
      threads: threadStats(pool, clientId),
      readRetries: reader.retryCount,
      pending,
      cache: cache?.stats(),
    };
  }

  // deno-lint-ignore require-await
  async readStats(pending: number): Promise<StoreStats> {
    return this.stats(pending);
  }

  // deno-lint-ignore require-await
  async readPicture(): Promise<PoolPicture> {
    return pictureOf(this.#pool);
  }

  share(): StoreHandle {
    return this.#options.handle as StoreHandle;
  }

  letGo(): void {
    this.#options = this.#pool = this.#indexed = undefined as never;
  }
}

function makeNearReads<V>(
  parts: ReadParts<V>,
  direct: DirectPool,
  indexed: IndexedKeys,
): StoreReads<V> {
  return new NearReads(parts, direct, indexed);
}
