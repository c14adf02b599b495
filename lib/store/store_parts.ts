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
import type { OneSidedReader } from "../index/one_sided_reader.ts";
import type { RecoveryReport } from "../persistence/replay_report.ts";
import type { OperationCounters } from "../pool/operation_counters.ts";
import type { Pool } from "../pool/pool.ts";
import type { LoadLeases } from "../routing/load_leases.ts";
import { IndexedKeys } from "./indexed_keys.ts";
import type { StoreLifetime } from "./lifetime.ts";
import type { StoreMaintenance } from "./maintenance.ts";
import type { HostStats } from "./stats.ts";
import { WatchHub } from "./watch_hub.ts";

/** The parts of a store, made by `open`. */
export interface StoreParts<V> {
  readonly pool: Pool;
  readonly client: Client;
  readonly reader: OneSidedReader;
  readonly codec: ValueCodec<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly leases: LoadLeases;
  readonly clientId: number;
  readonly counters: OperationCounters;
  readonly recovery: RecoveryReport | undefined;
  /** What other threads attach by. */
  readonly handle: { readonly dinomo: number };
  /**
   * Makes what is done to the store as a whole; `assertWorks` throws when the store has failed
   * meanwhile.
   */
  readonly maintenance: (assertWorks: () => void) => StoreMaintenance;
  /** Fewest and most KNs that `scale` takes, if the M-node decides about their number, too. */
  readonly nodeBounds?: { readonly min: number; readonly max: number } | undefined;
  /** Figures that only the host has; undefined in an attached thread. */
  readonly hostStats?: () => HostStats;
}

/** The parts of a store that its reads use. */
export interface ReadParts<V> {
  readonly pool: Pool;
  readonly client: Client;
  readonly reader: OneSidedReader;
  readonly codec: ValueDecoder<V>;
  readonly cache: ClientCache<V> | undefined;
  readonly lifetime: StoreLifetime;
  /** Holds the key of one operation at a time. */
  readonly key: KeyEncoder;
  /** Makes another encoder of the same keys. */
  readonly makeKey: () => KeyEncoder;
  /** Operations on keys of which this thread has updates in progress. */
  readonly queues: KeyQueues;
  readonly garbage: GarbageMeter;
  readonly indexedKeys: IndexedKeys;
  readonly counters: OperationCounters;
  /** The watches of this thread. */
  readonly hub: WatchHub;
}

/** The parts of a store that its operations use. */
export interface OperationParts<V> extends ReadParts<V> {
  readonly codec: ValueCodec<V>;
  readonly leases: LoadLeases;
}

/** Makes them for one store. */
export function makeOperationParts<V>(
  { pool, client, reader, codec, cache, leases, counters, clientId }: StoreParts<V>,
  lifetime: StoreLifetime,
): OperationParts<V> {
  const makeKey = () => new KeyEncoder(...pool.hashKey, pool.keyTypes);
  const key = makeKey();
  return {
    pool,
    client,
    reader,
    codec,
    cache,
    leases,
    lifetime,
    key,
    makeKey,
    queues: new KeyQueues(client),
    garbage: new GarbageMeter(() => pool.sharedBytes, garbageCollector),
    indexedKeys: new IndexedKeys(pool, reader, key, lifetime, client, new Uint8Array(0)),
    counters,
    hub: new WatchHub(pool, clientId, lifetime),
  };
}
