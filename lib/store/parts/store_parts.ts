/**
 * The parts of a store that its operations use.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { ClientCache } from "../../client/client_cache.ts";
import type { GarbageMeter } from "../../client/garbage_meter.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { ValueCodec, ValueDecoder } from "../../codec/codec.ts";
import type { KeyEncoder } from "../../core/key_encoder.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import type { Leases } from "../../routing/load_leases.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { UsedPool } from "./used_pool.ts";
import type { WatchSource } from "../../watch/watch_source.ts";

/** The parts of a store that its reads use. */
export interface ReadParts<V> {
  readonly client: Client;
  readonly codec: ValueDecoder<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly lifetime: StoreLifetime;
  /** Holds the key of one operation at a time. */
  readonly key: KeyEncoder;
  /** Makes another encoder of the same keys. */
  readonly makeKey: () => KeyEncoder;
  /** What the keys begin with, of a namespace; empty for all keys. */
  readonly prefix: Uint8Array;
  /** Operations on keys of which this thread has updates in progress. */
  readonly queues: KeyQueues;
  readonly garbage: GarbageMeter;
  readonly counters: OperationCounters;
}

/** The parts of a store that its operations use. */
export interface OperationParts<V> extends ReadParts<V> {
  readonly pool: UsedPool;
  readonly codec: ValueCodec<V>;
  readonly leases: Leases;
  /** Tells the watches of this thread. */
  readonly watches: WatchSource;
}
