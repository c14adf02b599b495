/**
 * Reads of a cluster: those of keys are requests to the nodes that own them.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import type { RemoteScanParts } from "../../remote/calls/remote_scan.ts";
import { RemoteReads } from "../../remote/remote_reads.ts";
import { isConsistent } from "../../store/arguments/arguments.ts";
import type { Entry } from "../../store/arguments/entry.ts";
import { ORDERED_OPTIONS } from "../../store/arguments/key_range.ts";
import type { RangeOptions, ReadManyOptions } from "../../store/arguments/method_options.ts";
import type { ReadParts } from "../../store/parts/store_parts.ts";
import type { ClusterClient } from "./cluster_client.ts";
import { ClusterScan } from "./cluster_scan.ts";
import { notBlocking, notInCluster } from "./refusals.ts";

const NO_ORDER = "its keys have no order";

/** Reads by one thread. */
export class ClusterReads<V> extends RemoteReads<V> {
  override readonly clearsSlots = false;
  readonly #client: ClusterClient;
  readonly #hashKey: readonly [number, number];

  /** Reads with a store's parts. */
  constructor(parts: ReadParts<V>, client: ClusterClient, hashKey: readonly [number, number]) {
    super(parts, { client, calls: undefined as never, structures: undefined, isOrdered: false });
    this.#client = client;
    this.#hashKey = hashKey;
  }

  override within<V2>(parts: ReadParts<V2>): ClusterReads<V2> {
    return new ClusterReads(parts, this.#client, this.#hashKey);
  }

  override async getMany(
    keys: Iterable<Key>,
    options?: ReadManyOptions,
  ): Promise<(V | undefined)[]> {
    assertNotConsistent("getMany", options);
    return await super.getMany(keys, options);
  }

  override async getEntries(
    keys: Iterable<Key>,
    options?: ReadManyOptions,
  ): Promise<(Entry<V> | undefined)[]> {
    assertNotConsistent("getEntries", options);
    return await super.getEntries(keys, options);
  }

  override entriesSync(_options?: unknown, method = "entriesSync"): never {
    throw notBlocking(method);
  }

  override keysSync(_options?: unknown, method = "keysSync"): never {
    throw notBlocking(method);
  }

  override count(): never {
    throw notInCluster("count", "nodes are asked for it, await countKeys() instead");
  }

  protected override scanParts(): RemoteScanParts {
    const parts = super.scanParts();
    return {
      ...parts,
      calls: new ClusterScan(this.#client.carrier, this.#hashKey),
      rangeOf(options) {
        assertNoOrder(options);
        return parts.rangeOf(options);
      },
    };
  }

  override assertOrdered(method: string): never {
    throw notInCluster(method, NO_ORDER);
  }
}

function assertNoOrder(options: RangeOptions): void {
  const name = ORDERED_OPTIONS.find((name) => options[name] !== undefined);
  if (name !== undefined) throw notInCluster(`a method with ${name}`, NO_ORDER);
}

function assertNotConsistent(method: string, options: ReadManyOptions | undefined): void {
  if (!isConsistent(options, false)) return;
  throw notInCluster(`${method} with consistent`, "keys of several nodes are read one by one");
}
