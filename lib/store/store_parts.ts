/**
 * The parts that a store is made of.
 *
 * @module
 */
import { garbageCollector } from "../core/garbage_collector.ts";
import type { Client } from "../client/client.ts";
import type { ClientCache } from "../client/client_cache.ts";
import { GarbageMeter } from "../client/garbage_meter.ts";
import { KeyQueues } from "../client/key_queues.ts";
import type { ValueCodec, ValueDecoder } from "../codec/codec.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import type { RecoveryReport } from "../persistence/frame_replay.ts";
import type { OperationCounters } from "../pool/operation_counters.ts";
import type { Leases } from "../routing/load_leases.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { StoreMaintenance } from "./maintenance.ts";
import type { StorePool } from "./store_pool.ts";
import type { WatchSource } from "./watch_source.ts";

/** The parts of a store, made by `open` and `attach`. */
export interface StoreParts<V> {
  readonly pool: StorePool;
  readonly client: Client;
  readonly codec: ValueCodec<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly leases: Leases;
  readonly counters: OperationCounters;
  readonly recovery: RecoveryReport | undefined;
  /**
   * Makes what is done to the store as a whole; `assertWorks` throws when the store has failed
   * meanwhile.
   */
  readonly maintenance: (assertWorks: () => void) => StoreMaintenance;
  /** Fewest and most KNs that `scale` takes, if the M-node decides about their number, too. */
  readonly nodeBounds?: { readonly min: number; readonly max: number } | undefined;
}

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
  readonly pool: StorePool;
  readonly codec: ValueCodec<V>;
  readonly leases: Leases;
  /** Tells the watches of this thread. */
  readonly watches: WatchSource;
}

/** Makes them for one store. */
export function makeOperationParts<V>(
  { pool, client, codec, cache, leases, counters }: StoreParts<V>,
  lifetime: StoreLifetime,
): OperationParts<V> {
  const { hashKey, keyTypes } = pool.facts;
  const makeKey = () => new KeyEncoder(...hashKey, keyTypes);
  return {
    pool,
    client,
    codec,
    cache,
    leases,
    lifetime,
    key: makeKey(),
    makeKey,
    prefix: new Uint8Array(0),
    queues: new KeyQueues(client),
    garbage: new GarbageMeter(() => pool.sharedBytes, garbageCollector),
    counters,
    watches: pool.makeWatches(lifetime),
  };
}
