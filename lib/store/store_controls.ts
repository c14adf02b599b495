/**
 * What the library itself does to a store.
 *
 * @module
 */
import type { DinomoError } from "../core/errors.ts";
import type { KeyTypes } from "../core/key_types.ts";
import type { StoreEventDetails, StoreEventType } from "./parts/events.ts";
import type { ClusterPicture } from "../core/cluster_figures.ts";
import type { PoolPicture } from "./figures/pool_picture.ts";

/** What the library itself does to a store, and an application has no use for. */
export interface StoreControls {
  /** Keeps the process alive until the store is closed. */
  keepAlive(): void;
  /** Tells what has happened to the store, soon. */
  emit<Type extends StoreEventType>(type: Type, detail: StoreEventDetails[Type]): void;
  /** Ends the store because it cannot go on. */
  fail(error: DinomoError): void;
  /** Whether the store can be used: it has neither failed nor been closed. */
  isOpen(): boolean;
  /** Of which types the keys are; undefined when the store is closed. */
  keyTypes(): KeyTypes | undefined;
  /** What the pool looks like now; undefined when the store is closed. */
  readPicture(): Promise<PoolPicture | ClusterPicture> | undefined;
}
