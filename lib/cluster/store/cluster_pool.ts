/**
 * The nodes of a cluster, as a store uses them.
 *
 * @module
 */
import { type DinomoError, StoreClosedError } from "../../core/errors.ts";
import { KeyEncoder } from "../../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS, type KeyTypes } from "../../core/key_types.ts";
import { DURABILITY_LEVELS } from "../../pool/durability.ts";
import type { OperationCounters } from "../../pool/operation_counters.ts";
import type { StoreHandle } from "../../store/parts/handle.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import { operationStatsApart } from "../../store/figures/operation_stats.ts";
import type { StoreReads } from "../../store/reads/reads.ts";
import type { ClusterNodeStats, ClusterPicture, NodeLoads } from "../../core/cluster_figures.ts";
import type { StoreStats } from "../../store/figures/stats.ts";
import type { OperationParts } from "../../store/parts/store_parts.ts";
import type { StorePool } from "../../store/store_pool.ts";
import type { PoolFacts } from "../../store/parts/used_pool.ts";
import type { WatchSource } from "../../watch/watch_source.ts";
import type { ClusterFacts } from "../agent/cluster_agent.ts";
import { clientSegmentBytes } from "../network/record_sizes.ts";
import { pictureOfCluster } from "./cluster_picture.ts";
import { ClusterWatches } from "./cluster_watches.ts";
import type { OwnerView } from "../client/owner_view.ts";
import type { ClusterClient } from "./cluster_client.ts";
import { ClusterReads } from "./cluster_reads.ts";
import { clusterStats, storeStats } from "./cluster_stats.ts";
import { notBlocking, notInCluster } from "./refusals.ts";

/** What it is made of. */
export interface ClusterPoolOptions {
  readonly name: string;
  readonly agent: { readonly facts: ClusterFacts };
  readonly client: ClusterClient;
  readonly counters: OperationCounters;
  /** Who owns what now. */
  readonly view: () => OwnerView;
  /** What this process's node has done. */
  readonly served: () => ClusterNodeStats | undefined;
  /** What all nodes have to do. */
  readonly loads: () => NodeLoads;
}

/** What a store of a cluster has in the place of a pool. */
export class ClusterPool implements StorePool {
  readonly facts: PoolFacts;
  readonly isReadOnly = false;
  readonly isOpen = true;
  readonly sharedBytes = 0;
  readonly goneBytes = 0;
  #options: ClusterPoolOptions;

  /** Of a cluster that this process has joined. */
  constructor(options: ClusterPoolOptions) {
    const { hashKey, keys } = options.agent.facts.settings;
    this.#options = options;
    this.facts = {
      hashKey,
      keyTypes: KEY_TYPE_NUMBERS[keys as KeyTypes],
      // The servers decide when files are synced.
      level: DURABILITY_LEVELS.os,
    };
  }

  get nodeCount(): number {
    return this.#options.view().addresses.size;
  }

  /** Processes come and go. */
  assertNodeCount(): never {
    throw notInCluster("scale", "it has the nodes whose processes have opened it");
  }

  closedError(): DinomoError {
    return new StoreClosedError("the store must be open, and has been closed");
  }

  makeReads<V>(parts: OperationParts<V>): StoreReads<V> {
    return new ClusterReads(parts, this.#options.client, this.facts.hashKey);
  }

  makeWatches(lifetime: StoreLifetime): WatchSource {
    const { carrier } = this.#options.client;
    return new ClusterWatches(carrier, new KeyEncoder(...this.facts.hashKey), lifetime);
  }

  assertBlocks(method: string): never {
    throw notBlocking(method);
  }

  assertCommits(method: string): never {
    throw notInCluster(
      method,
      "keys of several nodes change one by one, use compareAndSet or update",
    );
  }

  encodeReplicable(): KeyEncoder {
    throw notInCluster("replicate", "each key has one owner");
  }

  stats(pending: number): StoreStats {
    const { name, agent: { facts }, client: { carrier }, counters } = this.#options;
    const { view, served, loads } = this.#options;
    const own = {
      name,
      node: facts.node,
      connected: carrier.connected(),
      resent: carrier.resentCount,
      copiedReads: carrier.copiedReads,
      served: served(),
    };
    const operations = operationStatsApart(counters);
    const segmentBytes = clientSegmentBytes(facts.messageBytes);
    return storeStats(clusterStats(view(), loads(), own), { pending, operations, segmentBytes });
  }

  readStats(pending: number): Promise<StoreStats> {
    return Promise.resolve(this.stats(pending));
  }

  readPicture(): Promise<ClusterPicture> {
    return pictureOfCluster(this.#options.client.carrier, this.stats(0).cluster!);
  }

  share(): StoreHandle {
    throw notInCluster("share", "open it in the other thread, too, with node: false");
  }

  letGo(): void {
    this.#options = undefined as never;
  }
}
