/**
 * What DAC and the static baselines share: values in the order of their last use, shortcuts by how
 * often they were used, and counts that age.
 *
 * @module
 */
import { Ageing } from "./ageing.ts";
import type { CacheKey } from "./cache.ts";
import { EntryCache } from "./entry_cache.ts";
import { FrequencyHeap } from "./entry_heap.ts";
import { EntryQueue } from "./entry_queue.ts";
import { ENTRY_HITS, ENTRY_WORDS, NO_ENTRY } from "./entry_table.ts";

/** Values LRU, shortcuts LFU. */
export abstract class RecencyFrequencyCache<P> extends EntryCache<P> {
  /** Value entries, the least recently used first. */
  protected readonly values: EntryQueue = new EntryQueue(this.table);
  /** Shortcut entries, the least frequently used first. */
  protected readonly shortcuts: FrequencyHeap = new FrequencyHeap(this.table);
  readonly #ageing: Ageing = new Ageing();

  protected noteMiss(_key: CacheKey): void {
    this.#age();
  }

  protected noteUse(entry: number): void {
    this.table.words[entry * ENTRY_WORDS + ENTRY_HITS] += 1;
    if (this.table.hasValue(entry)) this.values.renew(entry);
    else this.shortcuts.update(entry);
    this.#age();
  }

  protected shelve(entry: number): void {
    if (this.table.hasValue(entry)) this.values.push(entry);
    else this.shortcuts.push(entry);
  }

  protected unshelve(entry: number): void {
    if (this.table.hasValue(entry)) this.values.remove(entry);
    else this.shortcuts.remove(entry);
  }

  protected forget(): void {
    this.values.clear();
    this.shortcuts.clear();
    this.#ageing.reset();
  }

  /** An entry's hits. */
  protected hits(entry: number): number {
    return this.table.words[entry * ENTRY_WORDS + ENTRY_HITS];
  }

  #age(): void {
    if (!this.#ageing.isDue(this.table.count)) return;
    for (let entry = this.values.first; entry !== NO_ENTRY; entry = this.values.next(entry)) {
      this.#halve(entry);
    }
    this.shortcuts.forEach((entry) => this.#halve(entry));
    this.shortcuts.rebuild();
  }

  #halve(entry: number): void {
    this.table.words[entry * ENTRY_WORDS + ENTRY_HITS] >>>= 1;
  }
}
