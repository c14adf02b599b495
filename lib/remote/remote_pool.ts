/**
 * A pool that another process has open, as a store uses it.
 *
 * @module
 */
import { HostOnlyError, StoreClosedError } from "../core/errors.ts";
import type { DinomoError } from "../core/errors.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../core/key_types.ts";
import type { Welcome } from "../gateway/handshake.ts";
import { DURABILITY_LEVELS } from "../pool/durability.ts";
import type { StoreHandle } from "../store/handle.ts";
import type { StoreReads } from "../store/reads.ts";
import type { StoreStats } from "../store/stats.ts";
import type { OperationParts } from "../store/store_parts.ts";
import type { StorePool } from "../store/store_pool.ts";
import type { DirectPool, PoolFacts } from "../store/used_pool.ts";
import type { HubWatch, WatchSource } from "../store/watch_source.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import { RemoteReads, type RemoteSource } from "./remote_reads.ts";

/** A pool that a store of this thread asks for. */
export class RemotePool implements StorePool {
  readonly facts: PoolFacts;
  readonly isReadOnly = false;
  /** Closed by this thread, or not at all: another process takes the place of one that ends. */
  readonly isOpen = true;
  readonly sharedBytes = 0;
  readonly goneBytes = 0;
  #source: RemoteSource;

  /** As another process has described it. */
  constructor({ hashKey, keys, durability }: Welcome, source: RemoteSource) {
    this.facts = {
      hashKey,
      keyTypes: KEY_TYPE_NUMBERS[keys],
      level: DURABILITY_LEVELS[durability],
    };
    this.#source = source;
  }

  get nodeCount(): number {
    return this.#source.calls.refuse("nodes");
  }

  get segmentLimit(): number {
    return this.#source.calls.refuse("scale");
  }

  closedError(): DinomoError {
    return new StoreClosedError("the store must be open, and has been closed");
  }

  makeReads<V>(parts: OperationParts<V>): StoreReads<V> {
    return new RemoteReads(parts, this.#source);
  }

  makeWatches(): WatchSource {
    return new RemoteWatches(this.#source.calls);
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

  assertCommits(method: string): void {
    this.#source.calls.refuse(method);
  }

  directly(method: string): DirectPool {
    return this.#source.calls.refuse(method);
  }

  encodeReplicable(): KeyEncoder {
    return this.#source.calls.refuse("replicate");
  }

  stats(): StoreStats {
    return this.#source.calls.refuse("stats");
  }

  picture(): undefined {
    return undefined;
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

/** Tells watches nothing. */
class RemoteWatches implements WatchSource {
  readonly #calls: RemoteCalls;

  constructor(calls: RemoteCalls) {
    this.#calls = calls;
  }

  add(_watch: HubWatch): void {
    this.#calls.refuse("watch");
  }

  remove(): void {}

  look(): void {}

  wait(): void {}

  end(): void {}

  letGo(): void {}
}
