/**
 * The watches of a thread whose keys are told of by others: other processes, or nodes.
 *
 * @module
 */
import { TooManyWatchersError } from "../../core/errors.ts";
import { WATCHES_MAX } from "../../core/limits.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { HubWatch, WatchSource } from "../../watch/watch_source.ts";

/** Tells watches of what others say. */
export abstract class FarWatches<Begun> implements WatchSource {
  readonly beginsAtOnce = false;
  /** With what each was begun by. */
  protected readonly watches: Map<HubWatch, Begun> = new Map();
  readonly #lifetime: StoreLifetime;

  /** Tells of nothing yet. */
  constructor(lifetime: StoreLifetime) {
    this.#lifetime = lifetime;
  }

  /** Asks others to tell of what a watch is for. */
  protected abstract begin(watch: HubWatch): Begun;

  /** Asks them to stop. */
  protected abstract stop(begun: Begun): void;

  add(watch: HubWatch): void {
    this.#lifetime.assertOpen();
    if (this.watches.size >= WATCHES_MAX) {
      throw new TooManyWatchersError(
        `a thread may have at most ${WATCHES_MAX} watches at one time, and has as many`,
      );
    }
    this.watches.set(watch, this.begin(watch));
  }

  remove(watch: HubWatch): void {
    const begun = this.watches.get(watch);
    if (begun === undefined) return;
    this.watches.delete(watch);
    this.stop(begun);
  }

  look(): void {
    this.#lifetime.assertOpen();
  }

  /** What comes is told when it comes. */
  wait(): void {}

  end(): void {
    try {
      this.#lifetime.assertOpen();
    } catch (error) {
      for (const watch of [...this.watches.keys()]) watch.fail(error);
    }
  }

  letGo(): void {
    for (const watch of [...this.watches.keys()]) this.remove(watch);
  }
}
