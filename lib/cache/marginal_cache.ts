/**
 * The default: every byte of the budget goes where it saves the most round trips (RTs).
 *
 * A value saves one RT for each hit over its shortcut, and takes the value's bytes; a shortcut
 * saves the cost of a miss less one RT, and takes header and key. So an entry can be in two stages,
 * and each has a density, RTs saved per byte:
 *
 *     shortcut   hits * (missRts - 1) / shortcutBytes
 *     value      hits / valueBytes
 *
 * The best content of a cache is the stages with the highest densities: a knapsack with concave
 * gains, which being greedy solves but for the last entry. So a stage is given up if its density is
 * the lowest there is, and taken up if its density is higher than those that have to go for it. DAC
 * decides by the same gains, but on the value's side only: after a miss it gives up the least
 * recently used value whatever it is worth, so that a scan empties it, and it counts what evicting
 * a shortcut loses as a whole miss.
 *
 * How often a key without an entry is asked for is estimated by a frequency sketch, after TinyLFU
 * (Einziger, Friedman, Manes, ACM Transactions on Storage 13(4), 2017): a key that was asked for
 * once replaces nothing of its size that was used more often, and one that was evicted keeps its
 * count. All counts age together.
 *
 * Counts are slow to notice that a key is not asked for any more. So the count by which a stage is
 * given up is bounded by the time since the entry was used: a key that was popular would have been
 * asked for again by now. In the order of their last use the oldest value and the oldest shortcut
 * are looked at, besides those with the lowest counts.
 *
 * A value that is so small that it is denser than its shortcut forms one stage with it: the two
 * come and go together.
 *
 * @module
 */
import { Ageing } from "./ageing.ts";
import { type CacheKey, SHORTCUT_ONLY, shortcutBytes } from "./cache.ts";
import { EntryCache } from "./entry_cache.ts";
import { DensityHeap } from "./entry_heap.ts";
import { EntryQueue } from "./entry_queue.ts";
import { ENTRY_HITS, ENTRY_STAMP, ENTRY_WORDS, type EntryTable, NO_ENTRY } from "./entry_table.ts";
import { FrequencySketch } from "./frequency_sketch.ts";

/**
 * What a hit adds to an entry's count. Halving leaves at least 1, by which small entries are worth
 * more than large ones.
 */
const HIT = 64;
/** What a key counts that was asked for once: many of those are not asked for again. */
const FIRST_HIT = HIT / 2;
/** Accesses per entry between two halvings. */
const AGEING_ACCESSES = 15;
/**
 * Hits that a key would have had to get, by its count, in the time since its last one, for it to
 * count as less popular. A higher number is better while popularity is steady, a lower one when it
 * shifts; with this one neither costs more than a few percent.
 */
const SILENT_HITS = 0.28;
/** Least gain of a shortcut over a miss in RTs, should misses be as cheap as a shortcut hit. */
const SHORTCUT_GAIN_MIN = 1 / 64;

/** Shortcut entries by what they save per byte. */
class ShortcutHeap extends DensityHeap {
  protected sizeOf(entry: number): number {
    return shortcutBytes(this.table.keyBytes(entry));
  }
}

/** Value entries by what the value saves per byte, with the shortcut if it is the lesser part. */
class ValueHeap extends DensityHeap {
  /** Cost of a miss by which the entries are in order. */
  missRts: number;

  constructor(table: EntryTable<unknown>, missRts: number) {
    super(table);
    this.missRts = missRts;
  }

  protected sizeOf(entry: number): number {
    return this.size(this.table.keyBytes(entry), this.table.valueBytes(entry));
  }

  /**
   * Bytes per RT that a hit saves: of the value alone, or of the whole entry, whatever is less
   * dense.
   */
  size(keyBytes: number, valueBytes: number): number {
    return Math.max(valueBytes, (shortcutBytes(keyBytes) + valueBytes) / this.missRts);
  }
}

/** Marginal gains. */
export class MarginalCache<P> extends EntryCache<P> {
  readonly policy = "marginal";
  readonly #values: ValueHeap = new ValueHeap(this.table, this.#missRts);
  readonly #shortcuts: ShortcutHeap = new ShortcutHeap(this.table);
  /** The same entries in the order of their last use. */
  readonly #oldValues: EntryQueue = new EntryQueue(this.table);
  readonly #oldShortcuts: EntryQueue = new EntryQueue(this.table);
  readonly #sketch: FrequencySketch = new FrequencySketch();
  readonly #ageing: Ageing = new Ageing(AGEING_ACCESSES);
  /** When counts were halved last, and how many accesses the time before that took. */
  #halvedAt = 0;
  #lastPeriod = 0;

  protected noteMiss(key: CacheKey): void {
    this.#sketch.add(key.hash);
    this.#age();
  }

  protected noteUse(entry: number): void {
    this.table.words[entry * ENTRY_WORDS + ENTRY_HITS] += HIT;
    this.#heapOf(entry).update(entry);
    this.#queueOf(entry).renew(entry);
    this.#age();
  }

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const estimate = this.#sketch.estimate(key.hash);
    const hits = estimate > 1 ? estimate * HIT : FIRST_HIT;
    const bytes = shortcutBytes(key.byteLength);
    if (valueBytes !== SHORTCUT_ONLY) {
      const wholeBytes = bytes + valueBytes;
      const isOneStage = this.#values.size(key.byteLength, valueBytes) > valueBytes;
      const density = hits * this.#values.missRts / wholeBytes;
      if (wholeBytes <= this.freeBytes || (isOneStage && this.#makeRoom(wholeBytes, density))) {
        return this.#addCounted(key, address, generation, valueBytes, payload, hits);
      }
    }
    const density = hits * (this.#missRts - 1) / bytes;
    if (!this.#makeRoom(bytes, density)) return NO_ENTRY;
    const entry = this.#addCounted(key, address, generation, SHORTCUT_ONLY, payload, hits);
    if (valueBytes !== SHORTCUT_ONLY) this.considerPromotion(entry, valueBytes, payload);
    return entry;
  }

  protected considerPromotion(entry: number, valueBytes: number, payload: P): void {
    // Out of the way, since it must not go to make room for its own value.
    this.unshelve(entry);
    const size = this.#values.size(this.table.keyBytes(entry), valueBytes);
    const isWorthIt = this.#makeRoom(valueBytes, this.#hits(entry) / size);
    this.shelve(entry);
    if (isWorthIt) this.promoteEntry(entry, valueBytes, payload);
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    if (growthBytes <= this.freeBytes) return true;
    const { table } = this;
    this.unshelve(entry);
    const size = this.#values.size(table.keyBytes(entry), table.valueBytes(entry) + growthBytes);
    const isWorthIt = this.#makeRoom(growthBytes, this.#hits(entry) / size);
    this.shelve(entry);
    return isWorthIt;
  }

  protected giveUpValue(entry: number): boolean {
    this.demote(entry);
    return true;
  }

  protected shelve(entry: number): void {
    this.#heapOf(entry).push(entry);
    this.#queueOf(entry).push(entry);
  }

  protected unshelve(entry: number): void {
    this.#heapOf(entry).remove(entry);
    this.#queueOf(entry).remove(entry);
  }

  protected override noteResized(entry: number): void {
    this.#values.update(entry);
  }

  protected forget(): void {
    this.#values.clear();
    this.#shortcuts.clear();
    this.#oldValues.clear();
    this.#oldShortcuts.clear();
    this.#sketch.clear();
    this.#ageing.reset();
    this.#halvedAt = this.now;
    this.#lastPeriod = 0;
  }

  get #missRts(): number {
    return Math.max(1 + SHORTCUT_GAIN_MIN, this.averageMissRts);
  }

  #addCounted(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
    hits: number,
  ): number {
    const entry = this.add(key, address, generation, valueBytes, payload, hits);
    this.#sketch.fit(this.table.count);
    return entry;
  }

  /**
   * Gives up the stages of the lowest density, if it is lower than `density`, until so many bytes
   * are free.
   */
  #makeRoom(bytes: number, density: number): boolean {
    if (bytes > this.budgetBytes) return false;
    while (this.freeBytes < bytes) {
      const victim = this.#victim(density);
      if (victim === NO_ENTRY) return false;
      if (!this.table.hasValue(victim) || this.#isOneStage(victim)) this.#evictCounted(victim);
      else this.demote(victim);
    }
    return true;
  }

  /**
   * The entry whose last stage has the lowest density, if it is lower than `limit`; values first,
   * for they free more.
   */
  #victim(limit: number): number {
    let victim = NO_ENTRY;
    let lowest = limit;
    for (let candidate = 0; candidate < 4; candidate++) {
      const entry = this.#candidate(candidate);
      if (entry === NO_ENTRY) continue;
      const density = this.#density(entry);
      if (density >= lowest) continue;
      lowest = density;
      victim = entry;
    }
    return victim;
  }

  #candidate(number: number): number {
    switch (number) {
      case 0:
        return this.#values.worst;
      case 1:
        return this.#oldValues.first;
      case 2:
        return this.#shortcuts.worst;
      default:
        return this.#oldShortcuts.first;
    }
  }

  /** What is lost per byte with the last stage of an entry. */
  #density(entry: number): number {
    const { table } = this;
    const hits = this.#boundedHits(entry);
    const keyBytes = table.keyBytes(entry);
    return table.hasValue(entry)
      ? hits / this.#values.size(keyBytes, table.valueBytes(entry))
      : hits * (this.#missRts - 1) / shortcutBytes(keyBytes);
  }

  /** An entry's hits, or fewer if it has not been used for long. */
  #boundedHits(entry: number): number {
    const silence = (this.now - this.table.words[entry * ENTRY_WORDS + ENTRY_STAMP]) | 0;
    if (silence === 0) return this.#hits(entry);
    // Hits are those of this period and, halved, those of the ones before.
    const counted = this.#lastPeriod + ((this.now - this.#halvedAt) | 0);
    return Math.min(this.#hits(entry), SILENT_HITS * HIT * counted / silence);
  }

  #isOneStage(entry: number): boolean {
    const valueBytes = this.table.valueBytes(entry);
    return this.#values.size(this.table.keyBytes(entry), valueBytes) > valueBytes;
  }

  /** Evicts an entry, and remembers how often it was used. */
  #evictCounted(entry: number): void {
    this.#sketch.raise(this.table.hash(entry), Math.floor(this.#boundedHits(entry) / HIT));
    this.evict(entry);
  }

  #age(): void {
    if (!this.#ageing.isDue(this.table.count)) return;
    this.#lastPeriod = (this.now - this.#halvedAt) | 0;
    this.#halvedAt = this.now;
    this.#sketch.halve();
    this.#values.forEach((entry) => this.#halve(entry));
    this.#shortcuts.forEach((entry) => this.#halve(entry));
    this.#values.missRts = this.#missRts;
    this.#values.rebuild();
    this.#shortcuts.rebuild();
  }

  #halve(entry: number): void {
    const at = entry * ENTRY_WORDS + ENTRY_HITS;
    this.table.words[at] = (this.table.words[at] + 1) >>> 1;
  }

  #hits(entry: number): number {
    return this.table.words[entry * ENTRY_WORDS + ENTRY_HITS];
  }

  #queueOf(entry: number): EntryQueue {
    return this.table.hasValue(entry) ? this.#oldValues : this.#oldShortcuts;
  }

  #heapOf(entry: number): DensityHeap {
    return this.table.hasValue(entry) ? this.#values : this.#shortcuts;
  }
}
