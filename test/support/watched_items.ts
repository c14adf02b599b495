/**
 * What a watch delivers, as a test takes it.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";

/** Collects the items of a watch as they come, in a loop of its own. */
export class WatchedItems<Item> {
  readonly items: Item[] = [];
  /** The error by which the watch has ended. */
  error: unknown;
  /** Resolves when the watch has ended. */
  readonly ended: Promise<void>;

  /** Begins to take items. */
  constructor(watch: AsyncIterable<Item>) {
    this.ended = this.#take(watch);
  }

  async #take(watch: AsyncIterable<Item>): Promise<void> {
    try {
      for await (const item of watch) this.items.push(item);
    } catch (error) {
      this.error = error;
    }
  }

  /** The newest item. */
  get last(): Item | undefined {
    return this.items.at(-1);
  }

  /** Resolves when the newest item is as it should be; the runner's time limit is the only one. */
  async until(condition: (last: Item) => boolean): Promise<Item> {
    while (this.items.length === 0 || !condition(this.items.at(-1)!)) {
      if (this.error !== undefined) throw this.error;
      await setTimeout(1);
    }
    return this.items.at(-1)!;
  }
}
