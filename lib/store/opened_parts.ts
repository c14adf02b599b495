/**
 * What a store is made of by `open` and `attach`, and what its operations use of that.
 *
 * @module
 */
import { garbageCollector } from "../platform/garbage_collector.ts";
import type { Client } from "../client/client.ts";
import type { ClientCache } from "../client/client_cache.ts";
import { GarbageMeter } from "../client/garbage_meter.ts";
import { KeyQueues } from "../client/key_queues.ts";
import type { ValueCodec } from "../codec/codec.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import type { RecoveryReport } from "../persistence/replay_report.ts";
import type { OperationCounters } from "../pool/operation_counters.ts";
import type { Leases } from "../routing/load_leases.ts";
import type { StoreLifetime } from "./parts/lifetime.ts";
import type { StoreMaintenance } from "./maintenance/maintenance.ts";
import type { OperationParts } from "./parts/store_parts.ts";
import type { StorePool } from "./store_pool.ts";

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
