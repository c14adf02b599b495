/**
 * The default: every byte of the budget goes where it saves the most round trips (RTs).
 *
 * A value saves one RT for each hit over its shortcut, and takes the value's bytes; a shortcut saves the cost of a miss less one RT,
 * and takes header and key. So an entry can be in two stages, and each has a density, RTs saved per byte:
 *
 *     shortcut   hits * (missRts - 1) / shortcutBytes
 *     value      hits / valueBytes
 *
 * The best content of a cache is the stages with the highest densities: a knapsack with concave gains, which being greedy solves but for
 * the last entry. So a stage is given up if its density is the lowest there is, and taken up if its density is higher than those
 * that have to go for it. DAC decides by the same gains, but on the value's side only: after a miss it gives up the least
 * recently used value whatever it is worth, so that a scan empties it, and it counts what evicting a shortcut loses as a whole miss.
 *
 * How often a key without an entry is asked for is estimated by a frequency sketch, after TinyLFU (Einziger, Friedman, Manes, ACM
 * Transactions on Storage 13(4), 2017): a key that was asked for once replaces nothing that was used twice, and one that was evicted
 * keeps its count. All counts age together.
 *
 * A value that is so small that it is denser than its shortcut forms one stage with it: the two come and go together.
 *
 * @module
 */
import { Ageing } from "./ageing.ts";
import { type CacheKey, SHORTCUT_ONLY, shortcutBytes } from "./cache.ts";
import { EntryCache } from "./entry_cache.ts";
import { DensityHeap } from "./entry_heap.ts";
import { ENTRY_HITS, ENTRY_WORDS, type EntryTable, NO_ENTRY } from "./entry_table.ts";
import { FrequencySketch } from "./frequency_sketch.ts";

/** What a hit adds to an entry's count, so that halving leaves something of it for some time. */
const HIT = 16;
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

  /** Bytes per RT that a hit saves: of the value alone, or of the whole entry, whatever is less dense. */
  size(keyBytes: number, valueBytes: number): number {
    return Math.max(valueBytes, (shortcutBytes(keyBytes) + valueBytes) / this.missRts);
  }
}

/** Marginal gains. */
export class MarginalCache<P> extends EntryCache<P> {
  readonly policy = "marginal";
  readonly #values: ValueHeap = new ValueHeap(this.table, this.#missRts);
  readonly #shortcuts: ShortcutHeap = new ShortcutHeap(this.table);
  readonly #sketch: FrequencySketch = new FrequencySketch();
  readonly #ageing: Ageing = new Ageing();

  protected noteMiss(key: CacheKey): void {
    this.#sketch.add(key.hash);
    this.#age();
  }

  protected noteUse(entry: number): void {
    this.table.words[entry * ENTRY_WORDS + ENTRY_HITS] += HIT;
    this.#heapOf(entry).update(entry);
    this.#age();
  }

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const hits = Math.max(1, this.#sketch.estimate(key.hash)) * HIT;
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
    this.#shortcuts.remove(entry);
    const size = this.#values.size(this.table.keyBytes(entry), valueBytes);
    const isWorthIt = this.#makeRoom(valueBytes, this.#hits(entry) / size);
    this.#shortcuts.push(entry);
    if (isWorthIt) this.promoteEntry(entry, valueBytes, payload);
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    if (growthBytes <= this.freeBytes) return true;
    const { table } = this;
    this.#values.remove(entry);
    const size = this.#values.size(table.keyBytes(entry), table.valueBytes(entry) + growthBytes);
    const isWorthIt = this.#makeRoom(growthBytes, this.#hits(entry) / size);
    this.#values.push(entry);
    return isWorthIt;
  }

  protected giveUpValue(entry: number): boolean {
    this.demote(entry);
    return true;
  }

  protected shelve(entry: number): void {
    this.#heapOf(entry).push(entry);
  }

  protected unshelve(entry: number): void {
    this.#heapOf(entry).remove(entry);
  }

  protected override noteResized(entry: number): void {
    this.#values.update(entry);
  }

  protected forget(): void {
    this.#values.clear();
    this.#shortcuts.clear();
    this.#sketch.clear();
    this.#ageing.reset();
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

  /** Gives up the stages of the lowest density, if it is lower than `density`, until so many bytes are free. */
  #makeRoom(bytes: number, density: number): boolean {
    if (bytes > this.budgetBytes) return false;
    const { table } = this;
    while (this.freeBytes < bytes) {
      const value = this.#values.worst;
      const shortcut = this.#shortcuts.worst;
      const valueDensity = value === NO_ENTRY
        ? Infinity
        : this.#hits(value) / this.#values.size(table.keyBytes(value), table.valueBytes(value));
      const shortcutDensity = shortcut === NO_ENTRY
        ? Infinity
        : this.#hits(shortcut) * (this.#missRts - 1) / shortcutBytes(table.keyBytes(shortcut));
      if (Math.min(valueDensity, shortcutDensity) >= density) return false;
      if (shortcutDensity <= valueDensity) this.#evictCounted(shortcut);
      else if (this.#isOneStage(value)) this.#evictCounted(value);
      else this.demote(value);
    }
    return true;
  }

  #isOneStage(entry: number): boolean {
    const valueBytes = this.table.valueBytes(entry);
    return this.#values.size(this.table.keyBytes(entry), valueBytes) > valueBytes;
  }

  /** Evicts an entry, and remembers how often it was used. */
  #evictCounted(entry: number): void {
    this.#sketch.raise(this.table.hash(entry), Math.floor(this.#hits(entry) / HIT));
    this.evict(entry);
  }

  #age(): void {
    if (!this.#ageing.isDue(this.table.count)) return;
    this.#sketch.halve();
    this.#values.forEach((entry) => this.#halve(entry));
    this.#shortcuts.forEach((entry) => this.#halve(entry));
    this.#values.missRts = this.#missRts;
    this.#values.rebuild();
    this.#shortcuts.rebuild();
  }

  #halve(entry: number): void {
    this.table.words[entry * ENTRY_WORDS + ENTRY_HITS] >>>= 1;
  }

  #hits(entry: number): number {
    return this.table.words[entry * ENTRY_WORDS + ENTRY_HITS];
  }

  #heapOf(entry: number): DensityHeap {
    return this.table.hasValue(entry) ? this.#values : this.#shortcuts;
  }
}
