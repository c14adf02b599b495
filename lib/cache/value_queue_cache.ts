/**
 * What policies have in common that keep values only, in queues: an entry that gives up its value
 * leaves the cache.
 *
 * @module
 */
import type { CacheOptions } from "./cache.ts";
import { EntryCache } from "./entry_cache.ts";
import { EntryQueues } from "./entry_queues.ts";

/** Queue that new entries enter. */
export const FIRST_QUEUE = 0;

/** The base of policies for values only. */
export abstract class ValueQueueCache<P> extends EntryCache<P> {
  protected readonly queues: EntryQueues;

  /** Makes an empty cache with so many queues. */
  constructor(options: CacheOptions<P>, queueCount: number) {
    super(options);
    this.queues = new EntryQueues(this.table, queueCount);
  }

  protected considerPromotion(): void {
    // There are no shortcut entries.
  }

  protected giveUpValue(entry: number): boolean {
    this.evict(entry);
    return false;
  }

  protected shelve(entry: number): void {
    this.queues.push(FIRST_QUEUE, entry);
  }

  protected unshelve(entry: number): void {
    this.queues.remove(entry);
  }

  protected override noteResized(entry: number, growthBytes: number): void {
    this.queues.noteResized(entry, growthBytes);
  }

  protected forget(): void {
    this.queues.clear();
  }
}
