/**
 * The watches of a store of a cluster: none yet.
 *
 * @module
 */
import type { StoreLifetime } from "../../store/lifetime.ts";
import type { WatchSource } from "../../store/watch_source.ts";
import { notInCluster } from "./refusals.ts";

/** Refuses watches. */
export class NoWatches implements WatchSource {
  readonly beginsAtOnce = true;
  readonly #lifetime: StoreLifetime;

  constructor(lifetime: StoreLifetime) {
    this.#lifetime = lifetime;
  }

  add(): void {
    this.#lifetime.assertOpen();
    throw notInCluster("watch", "read again");
  }

  remove(): void {}

  look(): void {
    this.#lifetime.assertOpen();
  }

  wait(): void {}

  end(): void {}

  letGo(): void {}
}
