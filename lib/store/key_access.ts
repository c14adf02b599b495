/**
 * What reads and changes the keys of a store, or of a part of it.
 *
 * @module
 */
import { DerivedWrites } from "./derived_writes.ts";
import { NearReads } from "./near_reads.ts";
import type { StoreReads } from "./reads.ts";
import type { OperationParts } from "./store_parts.ts";
import { SyncBatches } from "./sync_batches.ts";
import { StoreWrites } from "./writes.ts";

/** Makes what reads a pool. */
export type MakeReads<V> = (parts: OperationParts<V>) => StoreReads<V>;

/** The operations on keys, by their kinds. */
export class KeyAccess<V> {
  readonly reads: StoreReads<V>;
  readonly writes: StoreWrites<V>;
  readonly derived: DerivedWrites;
  readonly syncBatches: SyncBatches<V>;

  /**
   * Operates with a store's parts.
   *
   * @param makeReads makes what reads the pool, unless this thread does
   */
  constructor(parts: OperationParts<V>, makeReads: MakeReads<V> | undefined) {
    this.reads = makeReads?.(parts) ?? new NearReads(parts);
    this.writes = new StoreWrites(parts, this.reads);
    this.derived = new DerivedWrites(parts);
    this.syncBatches = new SyncBatches(parts);
  }

  /** Lets go of everything that leads to the pool. */
  letGo(): void {
    this.reads.letGo();
    this.writes.letGo();
    this.derived.letGo();
    this.syncBatches.letGo();
  }
}
