/**
 * The rules of the policies that go by queues and estimates, written down as plainly as possible;
 * see cache_model.ts. The frequency sketch is the library's, which has tests of its own.
 *
 * @module
 */
import { SHORTCUT_ONLY } from "../../../lib/cache/cache.ts";
import { FrequencySketch } from "../../../lib/cache/frequency_sketch.ts";
import { CacheModel, type ModelEntry, type Offer, valueOf } from "./cache_model.ts";
import { hashOf } from "./cache_driver.ts";

const HEADER_BYTES = 64;

/** Models whose entries are in queues, and age by rules of their own. */
abstract class QueueModel extends CacheModel {
  /** The first to go first. */
  abstract readonly queues: ModelEntry[][];

  override remove(key: string): boolean {
    const isThere = super.remove(key);
    this.#forgetRemoved();
    return isThere;
  }

  override dropSlot(slot: number): number {
    const count = super.dropSlot(slot);
    this.#forgetRemoved();
    return count;
  }

  protected queueOf(entry: ModelEntry): ModelEntry[] {
    return this.queues.find((queue) => queue.includes(entry))!;
  }

  protected leaveQueue(entry: ModelEntry): void {
    const queue = this.queueOf(entry);
    queue.splice(queue.indexOf(entry), 1);
  }

  protected move(entry: ModelEntry, to: ModelEntry[]): void {
    this.leaveQueue(entry);
    to.push(entry);
  }

  protected override delete(entry: ModelEntry): void {
    this.leaveQueue(entry);
    super.delete(entry);
  }

  protected bytesIn(queue: readonly ModelEntry[]): number {
    return queue.reduce((sum, entry) => sum + this.bytesOf(entry), 0);
  }

  protected get freeBytes(): number {
    return this.budgetBytes - this.usedBytes;
  }

  #forgetRemoved(): void {
    for (const queue of this.queues) {
      queue.splice(0, queue.length, ...queue.filter((entry) => this.entries.includes(entry)));
    }
  }
}

/** S3-FIFO, SOSP '23. */
export class S3FifoModel extends QueueModel {
  readonly policy = "s3fifo";
  readonly #small: ModelEntry[] = [];
  readonly #main: ModelEntry[] = [];
  readonly queues: ModelEntry[][] = [this.#small, this.#main];
  #ghosts: number[] = [];

  protected override access(entry: ModelEntry | undefined): void {
    if (entry !== undefined) entry.hits = Math.min(3, entry.hits + 1);
  }

  protected place(offer: Offer): void {
    const bytes = HEADER_BYTES + offer.keyBytes + offer.valueBytes;
    if (offer.valueBytes === SHORTCUT_ONLY || bytes > this.budgetBytes) return;
    const hash = hashOf(offer.key);
    const isBack = this.#ghosts.includes(hash);
    this.#ghosts = this.#ghosts.filter((ghost) => ghost !== hash);
    while (this.freeBytes < bytes) this.#turn();
    const entry = this.add(offer, true);
    entry.hits = 0;
    (isBack ? this.#main : this.#small).push(entry);
  }

  protected offerValue(): void {}

  protected replaceValue(entry: ModelEntry, offer: Offer): void {
    if (offer.valueBytes === SHORTCUT_ONLY) return this.delete(entry);
    const growth = offer.valueBytes - entry.value!.bytes;
    while (this.freeBytes < growth) {
      if (!this.#turn(entry)) return this.delete(entry);
    }
    entry.value = valueOf(offer);
  }

  #turn(except?: ModelEntry): boolean {
    const isSmallTurn = this.bytesIn(this.#small) >= this.budgetBytes * 0.1 ||
      this.#main.length === 0;
    const entry = (isSmallTurn ? this.#small : this.#main)[0]!;
    if (isSmallTurn && entry.hits >= 2) {
      entry.hits = 0;
      this.move(entry, this.#main);
    } else if (!isSmallTurn && entry.hits > 0) {
      entry.hits -= 1;
      this.move(entry, this.#main);
    } else if (entry === except) {
      return false;
    } else {
      if (isSmallTurn) {
        const hash = hashOf(entry.key);
        this.#ghosts = [...this.#ghosts.filter((ghost) => ghost !== hash), hash];
        if (this.#ghosts.length > this.entries.length) this.#ghosts.shift();
      }
      this.delete(entry);
    }
    return true;
  }
}

/** Halves a sketch after 10 accesses for each entry. */
class AgeingSketch extends FrequencySketch {
  #accesses = 0;

  isDue(entryCount: number, perEntry: number): boolean {
    this.#accesses += 1;
    if (this.#accesses < 640 || this.#accesses < entryCount * perEntry) return false;
    this.#accesses = 0;
    return true;
  }
}

/** A model that counts accesses to keys that have no entry, too. */
abstract class SketchModel extends QueueModel {
  protected readonly sketch: AgeingSketch = new AgeingSketch();
  /** Key of the operation at hand. */
  protected asked = "";

  override lookup(key: string): ModelEntry | undefined {
    this.asked = key;
    return super.lookup(key);
  }

  override write(offer: Offer): number {
    this.asked = offer.key;
    return super.write(offer);
  }
}

/** W-TinyLFU, ACM ToS 13(4). */
export class WTinyLfuModel extends SketchModel {
  readonly policy = "wtinylfu";
  readonly #window: ModelEntry[] = [];
  readonly #probation: ModelEntry[] = [];
  readonly #protected: ModelEntry[] = [];
  readonly queues: ModelEntry[][] = [this.#window, this.#probation, this.#protected];

  protected override access(entry: ModelEntry | undefined): void {
    this.sketch.add(hashOf(this.asked));
    if (this.sketch.isDue(this.entries.length, 10)) this.sketch.halve();
    if (entry === undefined) return;
    const queue = this.queueOf(entry);
    if (queue !== this.#probation) return this.move(entry, queue);
    this.move(entry, this.#protected);
    while (this.bytesIn(this.#protected) > this.#mainMax * 0.8) {
      this.move(this.#protected[0]!, this.#probation);
    }
  }

  protected place(offer: Offer): void {
    const bytes = HEADER_BYTES + offer.keyBytes + offer.valueBytes;
    if (offer.valueBytes === SHORTCUT_ONLY || bytes > this.#mainMax) return;
    this.#window.push(this.add(offer, true));
    this.sketch.fit(this.entries.length);
    while (this.bytesIn(this.#window) > this.budgetBytes - this.#mainMax) {
      this.#judge(this.#window[0]!);
    }
  }

  protected offerValue(): void {}

  protected replaceValue(entry: ModelEntry, offer: Offer): void {
    if (offer.valueBytes === SHORTCUT_ONLY) return this.delete(entry);
    const growth = offer.valueBytes - entry.value!.bytes;
    const mainGrowth = this.queueOf(entry) === this.#window ? 0 : growth;
    while (this.freeBytes < growth || this.#mainBytes + mainGrowth > this.#mainMax) {
      const victim = this.#victim();
      if (victim === undefined || victim === entry) return this.delete(entry);
      this.delete(victim);
    }
    entry.value = valueOf(offer);
  }

  get #mainMax(): number {
    return this.budgetBytes - Math.floor(this.budgetBytes * 0.01);
  }

  get #mainBytes(): number {
    return this.bytesIn(this.#probation) + this.bytesIn(this.#protected);
  }

  #victim(): ModelEntry | undefined {
    return this.#probation[0] ?? this.#protected[0];
  }

  #frequency(entry: ModelEntry): number {
    return this.sketch.estimate(hashOf(entry.key));
  }

  #judge(candidate: ModelEntry): void {
    while (this.#mainBytes + this.bytesOf(candidate) > this.#mainMax) {
      const victim = this.#victim();
      if (victim === undefined || this.#frequency(candidate) <= this.#frequency(victim)) {
        return this.delete(candidate);
      }
      this.delete(victim);
    }
    this.move(candidate, this.#probation);
  }
}

/**
 * Counts of the marginal policy: what a hit is worth, accesses per entry between two halvings,
 * silence that bounds a count.
 */
const HIT = 64;
const AGEING_ACCESSES = 15;
const SILENT_HITS = 0.28;

/** Marginal gains. */
export class MarginalModel extends SketchModel {
  readonly policy = "marginal";
  readonly #values: ModelEntry[] = [];
  readonly #shortcuts: ModelEntry[] = [];
  readonly queues: ModelEntry[][] = [this.#values, this.#shortcuts];
  #sizingMissRts = 2;
  #halvedAt = 0;
  #lastPeriod = 0;

  protected override access(entry: ModelEntry | undefined): void {
    this.now += 1;
    if (entry === undefined) {
      this.sketch.add(hashOf(this.asked));
    } else {
      entry.hits += HIT;
      entry.usedAt = this.now;
      this.move(entry, this.queueOf(entry));
    }
    if (!this.sketch.isDue(this.entries.length, AGEING_ACCESSES)) return;
    this.#lastPeriod = this.now - this.#halvedAt;
    this.#halvedAt = this.now;
    this.sketch.halve();
    for (const each of this.entries) each.hits = Math.ceil(each.hits / 2);
    this.#sizingMissRts = this.#missRts;
  }

  protected place(offer: Offer): void {
    const estimate = this.sketch.estimate(hashOf(offer.key));
    const hits = estimate > 1 ? estimate * HIT : HIT / 2;
    const shortcutBytes = HEADER_BYTES + offer.keyBytes;
    const wholeBytes = shortcutBytes + offer.valueBytes;
    const hasValue = offer.valueBytes !== SHORTCUT_ONLY;
    const isSmall = hasValue && wholeBytes / this.#sizingMissRts > offer.valueBytes;
    const wholeDensity = hits * this.#sizingMissRts / wholeBytes;
    const takesWhole = hasValue && (wholeBytes <= this.freeBytes ||
      (isSmall && this.#makeRoom(wholeBytes, wholeDensity)));
    if (!takesWhole && !this.#makeRoom(shortcutBytes, hits * (this.#missRts - 1) / shortcutBytes)) {
      return;
    }
    const entry = this.add(offer, takesWhole);
    entry.hits = hits;
    (takesWhole ? this.#values : this.#shortcuts).push(entry);
    this.sketch.fit(this.entries.length);
    if (!takesWhole && hasValue) this.offerValue(entry, offer);
  }

  protected offerValue(entry: ModelEntry, offer: Offer): void {
    this.leaveQueue(entry);
    const density = entry.hits / this.#size(entry.keyBytes, offer.valueBytes);
    const isWorthIt = this.#makeRoom(offer.valueBytes, density);
    if (isWorthIt) entry.value = valueOf(offer);
    (isWorthIt ? this.#values : this.#shortcuts).push(entry);
  }

  protected replaceValue(entry: ModelEntry, offer: Offer): void {
    const { valueBytes } = offer;
    const growth = valueBytes - entry.value!.bytes;
    const fits = valueBytes !== SHORTCUT_ONLY &&
      (growth <= this.freeBytes || this.#makeRoomFor(entry, valueBytes, growth));
    entry.value = fits ? valueOf(offer) : undefined;
    if (!fits) this.move(entry, this.#shortcuts);
  }

  #makeRoomFor(entry: ModelEntry, valueBytes: number, growth: number): boolean {
    this.leaveQueue(entry);
    const isWorthIt = this.#makeRoom(growth, entry.hits / this.#size(entry.keyBytes, valueBytes));
    this.#values.push(entry);
    return isWorthIt;
  }

  #makeRoom(bytes: number, density: number): boolean {
    if (bytes > this.budgetBytes) return false;
    while (this.freeBytes < bytes) {
      const victim = this.#victim(density);
      if (victim === undefined) return false;
      const { value } = victim;
      if (value !== undefined && this.#size(victim.keyBytes, value.bytes) === value.bytes) {
        victim.value = undefined;
        this.move(victim, this.#shortcuts);
      } else {
        this.sketch.raise(hashOf(victim.key), Math.floor(this.#boundedHits(victim) / HIT));
        this.delete(victim);
      }
    }
    return true;
  }

  #victim(density: number): ModelEntry | undefined {
    const candidates = [
      this.#rarest(this.#values),
      this.#values[0],
      this.#rarest(this.#shortcuts),
      this.#shortcuts[0],
    ];
    let victim: ModelEntry | undefined;
    let lowest = density;
    for (const candidate of candidates) {
      if (candidate === undefined || this.#density(candidate) >= lowest) continue;
      victim = candidate;
      lowest = this.#density(candidate);
    }
    return victim;
  }

  #rarest(entries: readonly ModelEntry[]): ModelEntry | undefined {
    return [...entries].sort((a, b) =>
      a.hits * this.#sizeOf(b) - b.hits * this.#sizeOf(a) || a.usedAt - b.usedAt
    )[0];
  }

  #density(entry: ModelEntry): number {
    const hits = this.#boundedHits(entry);
    return entry.value === undefined
      ? hits * (this.#missRts - 1) / this.#sizeOf(entry)
      : hits / this.#sizeOf(entry);
  }

  #boundedHits(entry: ModelEntry): number {
    const counted = this.#lastPeriod + this.now - this.#halvedAt;
    const silence = this.now - entry.usedAt;
    return silence === 0 ? entry.hits : Math.min(entry.hits, SILENT_HITS * HIT * counted / silence);
  }

  #sizeOf(entry: ModelEntry): number {
    return entry.value === undefined
      ? HEADER_BYTES + entry.keyBytes
      : this.#size(entry.keyBytes, entry.value.bytes);
  }

  #size(keyBytes: number, valueBytes: number): number {
    return Math.max(valueBytes, (HEADER_BYTES + keyBytes + valueBytes) / this.#sizingMissRts);
  }

  get #missRts(): number {
    return Math.max(1 + 1 / 64, this.missRts);
  }
}
