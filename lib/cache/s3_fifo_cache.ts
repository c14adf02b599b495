/**
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP
 * '23): values only.
 *
 * New values enter a small queue, a tenth of the budget. At its end those that were hit more than
 * once go on to the main queue, the others leave the cache, and their hashes are remembered for as
 * many keys as there are entries: a key that comes back in that time goes to the main queue at
 * once. At the end of the main queue an entry that was hit goes around once more for each hit,
 * three times at most. A hit moves nothing.
 *
 * @module
 */
import { type CacheKey, type CacheOptions, SHORTCUT_ONLY, valueEntryBytes } from "./cache.ts";
import { ENTRY_HITS, ENTRY_WORDS, NO_ENTRY } from "./entry_table.ts";
import { FIRST_QUEUE, ValueQueueCache } from "./value_queue_cache.ts";

const SMALL = FIRST_QUEUE;
const MAIN = 1;
const QUEUE_COUNT = 2;
/** Share of the budget for the small queue. */
const SMALL_SHARE = 0.1;
/** Hits that are counted. */
const HITS_MAX = 3;
/** Hits by which an entry leaves the small queue for the main one. */
const HITS_FOR_MAIN = 2;

/** S3-FIFO. */
export class S3FifoCache<P> extends ValueQueueCache<P> {
  readonly policy = "s3fifo";
  /** Hashes of keys that have left by the small queue, the oldest first. */
  readonly #ghosts: Set<number> = new Set();

  /** Makes an empty cache. */
  constructor(options: CacheOptions<P>) {
    super(options, QUEUE_COUNT);
  }

  protected noteMiss(): void {
    // A miss changes nothing: whether the key was here before is asked when it comes.
  }

  protected noteUse(entry: number): void {
    const at = entry * ENTRY_WORDS + ENTRY_HITS;
    const { words } = this.table;
    if (words[at] < HITS_MAX) words[at] += 1;
  }

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const bytes = valueEntryBytes(key.byteLength, valueBytes);
    if (valueBytes === SHORTCUT_ONLY || bytes > this.budgetBytes) return NO_ENTRY;
    const isBack = this.#ghosts.delete(key.hash | 0);
    while (this.freeBytes < bytes) this.#makeProgress(NO_ENTRY);
    const entry = this.add(key, address, generation, valueBytes, payload, 0);
    if (isBack) this.queues.move(entry, MAIN);
    return entry;
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    while (this.freeBytes < growthBytes) {
      if (!this.#makeProgress(entry)) return false;
    }
    return true;
  }

  protected override forget(): void {
    super.forget();
    this.#ghosts.clear();
  }

  /** Looks at the end of one queue; returns false if it would have to evict `except`. */
  #makeProgress(except: number): boolean {
    const { table } = this;
    const queues = this.queues;
    const isSmallFull = queues.bytes[SMALL] >= this.budgetBytes * SMALL_SHARE;
    const queue = isSmallFull || queues.first(MAIN) === NO_ENTRY ? SMALL : MAIN;
    const entry = queues.first(queue);
    const at = entry * ENTRY_WORDS + ENTRY_HITS;
    if (queue === SMALL && table.words[at] >= HITS_FOR_MAIN) {
      table.words[at] = 0;
      queues.move(entry, MAIN);
    } else if (queue === MAIN && table.words[at] > 0) {
      table.words[at] -= 1;
      queues.move(entry, MAIN);
    } else if (entry === except) {
      return false;
    } else {
      if (queue === SMALL) this.#remember(table.hash(entry));
      this.evict(entry);
    }
    return true;
  }

  #remember(hash: number): void {
    this.#ghosts.delete(hash);
    this.#ghosts.add(hash);
    if (this.#ghosts.size <= this.table.count) return;
    for (const oldest of this.#ghosts) {
      this.#ghosts.delete(oldest);
      break;
    }
  }
}
