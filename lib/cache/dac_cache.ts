/**
 * Disaggregated adaptive caching (DAC) of the DINOMO paper (Lee et al., PVLDB 15(13), 2022, section
 * 4).
 *
 * - After a miss: a value entry if there is room, else a shortcut entry if there is room for that;
 *   else the least recently used value is demoted to its shortcut; else, when there are no values,
 *   the least frequently used shortcut is evicted.
 * - After a shortcut hit: the shortcut gets its value if there is room; or else if what that saves,
 *   one RT for each hit of the key, is more than what is lost with the least frequently used
 *   shortcuts that have to go for it, the cost of a miss for each of their hits.
 *
 * The sizes are those of the entries at hand, and counts of hits age; both are fixed in the
 * authors' implementation (github.com/utsaslab/dinomo,
 * src/kvs/Cache/cuckoo-based/adaptive-cache.h), where, as here, a write counts as a use of the key,
 * and an entry that is demoted keeps its count.
 *
 * @module
 */
import { type CacheKey, SHORTCUT_ONLY, shortcutBytes } from "./cache.ts";
import { NO_ENTRY } from "./entry_table.ts";
import { RecencyFrequencyCache } from "./recency_frequency_cache.ts";

/** The paper's policy. */
export class DacCache<P> extends RecencyFrequencyCache<P> {
  readonly policy = "dac";
  /** Shortcuts that would have to go for a value, while that is being decided. */
  readonly #victims: number[] = [];

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const bytes = shortcutBytes(key.byteLength);
    if (bytes > this.budgetBytes) return NO_ENTRY;
    const fits = valueBytes !== SHORTCUT_ONLY && bytes + valueBytes <= this.freeBytes;
    while (this.freeBytes < bytes) {
      if (this.values.first !== NO_ENTRY) this.demote(this.values.first);
      else this.evict(this.shortcuts.worst);
    }
    return this.add(key, address, generation, fits ? valueBytes : SHORTCUT_ONLY, payload, 1);
  }

  protected considerPromotion(entry: number, valueBytes: number, payload: P): void {
    if (valueBytes <= this.freeBytes || this.#evictFor(entry, valueBytes)) {
      this.promoteEntry(entry, valueBytes, payload);
    }
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    // It was used just now, so all others were used less recently.
    while (this.freeBytes < growthBytes && this.values.first !== entry) {
      this.demote(this.values.first);
    }
    return this.freeBytes >= growthBytes;
  }

  protected giveUpValue(entry: number): boolean {
    this.demote(entry);
    return true;
  }

  /** Evicts the least frequently used shortcuts for a value, if they are worth less than it. */
  #evictFor(entry: number, valueBytes: number): boolean {
    const { table, shortcuts } = this;
    const victims = this.#victims;
    const hitsMax = this.hits(entry) / this.averageMissRts;
    let bytes = this.freeBytes;
    let hits = 0;
    shortcuts.remove(entry);
    while (bytes < valueBytes && hits < hitsMax && shortcuts.count > 0) {
      const victim = shortcuts.worst;
      shortcuts.remove(victim);
      victims.push(victim);
      bytes += shortcutBytes(table.keyBytes(victim));
      hits += this.hits(victim);
    }
    shortcuts.push(entry);
    for (const victim of victims) shortcuts.push(victim);
    const isWorthIt = bytes >= valueBytes && hits < hitsMax;
    if (isWorthIt) { for (const victim of victims) this.evict(victim); }
    victims.length = 0;
    return isWorthIt;
  }
}
