/**
 * A pool that another process has open, as a store uses it.
 *
 * @module
 */
import { HostOnlyError, StoreClosedError } from "../core/errors.ts";
import type { DinomoError } from "../core/errors.ts";
import { type Key, KeyEncoder } from "../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../core/key_types.ts";
import type { Welcome } from "../gateway/handshake.ts";
import type { RemoteClient } from "../gateway/remote_client.ts";
import { DURABILITY_LEVELS } from "../pool/durability.ts";
import type { StoreHandle } from "../store/parts/handle.ts";
import type { StoreReads } from "../store/reads/reads.ts";
import type { StoreStats } from "../store/figures/stats.ts";
import type { OperationParts } from "../store/parts/store_parts.ts";
import type { PoolPicture } from "../store/figures/pool_picture.ts";
import type { StorePool } from "../store/store_pool.ts";
import { nearReplication } from "../store/arguments/arguments.ts";
import type { StoreLifetime } from "../store/parts/lifetime.ts";
import type { PoolFacts } from "../store/parts/used_pool.ts";
import type { WatchSource } from "../watch/watch_source.ts";
import { RemoteWatches } from "./calls/remote_watches.ts";
import { notAtOnce } from "./refusals.ts";
import { RemoteReads, type RemoteSource } from "./remote_reads.ts";

/** A pool that a store of this thread asks for. */
export class RemotePool implements StorePool {
  readonly facts: PoolFacts;
  readonly isReadOnly = false;
  /** Closed by this thread, or not at all: another process takes the place of one that ends. */
  readonly isOpen = true;
  readonly sharedBytes = 0;
  readonly goneBytes = 0;
  #source: RemoteSource & { readonly client: RemoteClient };

  /** As another process has described it. */
  constructor(
    { hashKey, keys, durability }: Welcome,
    source: RemoteSource & { readonly client: RemoteClient },
  ) {
    this.facts = {
      hashKey,
      keyTypes: KEY_TYPE_NUMBERS[keys],
      level: DURABILITY_LEVELS[durability],
    };
    this.#source = source;
  }

  get nodeCount(): number {
    throw notAtOnce("nodes", "readStats(), whose nodes is a list of them,");
  }

  /** The process that has the pool does it. */
  assertNodeCount(): void {}

  closedError(): DinomoError {
    return new StoreClosedError("the store must be open, and has been closed");
  }

  makeReads<V>(parts: OperationParts<V>): StoreReads<V> {
    return new RemoteReads(parts, this.#source);
  }

  makeWatches(lifetime: StoreLifetime): WatchSource {
    return new RemoteWatches(this.#source.calls, lifetime);
  }

  assertBlocks(method: string): void {
    try {
      this.#source.client.carrier.prepareToBlock();
    } catch (error) {
      if (!(error instanceof HostOnlyError)) throw error;
      throw new HostOnlyError(
        `${method} must be called in the process that has the pool open, got a call in another one, ` +
          `which cannot block: await ${method.replace("Sync", "")} instead; ${error.message}`,
        { cause: error },
      );
    }
  }

  /** Commits are requests. */
  assertCommits(): void {}

  encodeReplicable(key: Key): KeyEncoder {
    const { hashKey, keyTypes } = this.facts;
    new KeyEncoder(...hashKey, keyTypes).encode(key);
    throw nearReplication();
  }

  stats(): StoreStats {
    throw notAtOnce("stats", "readStats()");
  }

  async readStats(pending: number): Promise<StoreStats> {
    const stats = await this.#source.calls.readOnce({ op: "stats" }) as StoreStats;
    return { ...stats, pending, cache: undefined };
  }

  async readPicture(): Promise<PoolPicture> {
    return await this.#source.calls.readOnce({ op: "picture" }) as PoolPicture;
  }

  share(): StoreHandle {
    throw new HostOnlyError(
      "share must be called in the process that has the pool open, got a call in another one: " +
        "open the store in the other thread with the same line as here",
    );
  }

  letGo(): void {
    this.#source = undefined as never;
  }
}
