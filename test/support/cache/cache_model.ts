/**
 * The rules of the cache policies, written down as plainly as possible: a list of entries in the
 * order of their last use, searched from one end to the other for everything. Slow, and meant to be
 * obviously right.
 *
 * @module
 */
import { CacheKind, type CachePolicy, SHORTCUT_ONLY } from "../../../lib/cache/cache.ts";

/** What the model knows of a key in the cache. */
export interface ModelEntry {
  readonly key: string;
  readonly keyBytes: number;
  readonly slot: number;
  address: number;
  generation: number;
  /** Undefined in a shortcut entry. */
  value: { bytes: number; payload: string } | undefined;
  hits: number;
  /** When it was used last. */
  usedAt: number;
}

/** What is offered to a cache. */
export interface Offer {
  readonly key: string;
  readonly keyBytes: number;
  readonly slot: number;
  readonly address: number;
  readonly generation: number;
  readonly valueBytes: number;
  readonly payload: string;
}

const HEADER_BYTES = 64;
const AGE_ACCESSES_PER_ENTRY = 10;
const AGE_ACCESSES_MIN = 640;

/** What all models do alike. */
export abstract class CacheModel {
  abstract readonly policy: CachePolicy;
  /** The least recently used first. */
  entries: ModelEntry[] = [];
  missRts = 2;
  protected now = 0;
  protected readonly budgetBytes: number;
  #accessesSinceAged = 0;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get usedBytes(): number {
    return this.entries.reduce((sum, entry) => sum + this.bytesOf(entry), 0);
  }

  kindOf(key: string): number {
    const entry = this.find(key);
    if (entry === undefined) return CacheKind.MISS;
    return entry.value === undefined ? CacheKind.SHORTCUT : CacheKind.VALUE;
  }

  find(key: string): ModelEntry | undefined {
    return this.entries.find((entry) => entry.key === key);
  }

  lookup(key: string): ModelEntry | undefined {
    const entry = this.find(key);
    this.access(entry);
    return entry;
  }

  admit(offer: Offer, rts: number): number {
    this.missRts += (rts - this.missRts) / 256;
    this.take(offer);
    return this.kindOf(offer.key);
  }

  write(offer: Offer): number {
    this.access(this.find(offer.key));
    this.take(offer);
    return this.kindOf(offer.key);
  }

  promote(offer: Offer): number {
    const entry = this.find(offer.key);
    const isSame = entry?.address === offer.address && entry.generation === offer.generation;
    if (entry !== undefined && entry.value === undefined && isSame) this.offerValue(entry, offer);
    return this.kindOf(offer.key);
  }

  remove(key: string): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.key !== key);
    return this.entries.length < before;
  }

  dropSlot(slot: number): number {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.slot !== slot);
    return before - this.entries.length;
  }

  protected abstract place(offer: Offer): void;
  protected abstract offerValue(entry: ModelEntry, offer: Offer): void;
  /** Gives a value entry another value, or gives up the value that it has. */
  protected abstract replaceValue(entry: ModelEntry, offer: Offer): void;

  protected take(offer: Offer): void {
    const entry = this.find(offer.key);
    if (entry === undefined) return this.place(offer);
    entry.address = offer.address;
    entry.generation = offer.generation;
    if (entry.value !== undefined) this.replaceValue(entry, offer);
    else if (offer.valueBytes !== SHORTCUT_ONLY) this.offerValue(entry, offer);
  }

  protected access(entry: ModelEntry | undefined): void {
    this.now += 1;
    if (entry !== undefined) {
      entry.hits += 1;
      entry.usedAt = this.now;
      this.entries = [...this.entries.filter((other) => other !== entry), entry];
    }
    this.#accessesSinceAged += 1;
    const due = Math.max(AGE_ACCESSES_MIN, AGE_ACCESSES_PER_ENTRY * this.entries.length);
    if (this.#accessesSinceAged < due) return;
    this.#accessesSinceAged = 0;
    for (const each of this.entries) each.hits = Math.floor(each.hits / 2);
  }

  protected bytesOf(entry: ModelEntry): number {
    return HEADER_BYTES + entry.keyBytes + (entry.value?.bytes ?? 0);
  }

  protected add(offer: Offer, withValue: boolean): ModelEntry {
    const { key, keyBytes, slot, address, generation } = offer;
    const value = withValue ? valueOf(offer) : undefined;
    const entry: ModelEntry = {
      key,
      keyBytes,
      slot,
      address,
      generation,
      value,
      hits: 1,
      usedAt: this.now,
    };
    this.entries.push(entry);
    return entry;
  }

  protected delete(entry: ModelEntry): void {
    this.entries = this.entries.filter((other) => other !== entry);
  }

  /** Value entries, the first to become one first unless they were used since. */
  protected oldestValue(except?: ModelEntry): ModelEntry | undefined {
    return this.entries.find((entry) => entry.value !== undefined && entry !== except);
  }

  /**
   * Shortcut entries, the one with the fewest hits first; of those with as many, the least recently
   * used.
   */
  protected rarestShortcuts(): ModelEntry[] {
    return this.entries.filter((entry) => entry.value === undefined)
      .sort((a, b) => a.hits - b.hits || a.usedAt - b.usedAt);
  }
}

/** What an entry keeps of an offer. */
export function valueOf(offer: Offer): { bytes: number; payload: string } {
  return { bytes: offer.valueBytes, payload: offer.payload };
}

/** DESIGN 10: DAC. */
export class DacModel extends CacheModel {
  readonly policy = "dac";

  protected place(offer: Offer): void {
    const shortcutBytes = HEADER_BYTES + offer.keyBytes;
    if (shortcutBytes > this.budgetBytes) return;
    const valueFits = offer.valueBytes !== SHORTCUT_ONLY &&
      this.usedBytes + shortcutBytes + offer.valueBytes <= this.budgetBytes;
    if (valueFits) {
      this.add(offer, true);
      return;
    }
    while (this.usedBytes + shortcutBytes > this.budgetBytes) {
      const value = this.oldestValue();
      if (value !== undefined) value.value = undefined;
      else this.delete(this.rarestShortcuts()[0]!);
    }
    this.add(offer, false);
  }

  protected offerValue(entry: ModelEntry, offer: Offer): void {
    const victims: ModelEntry[] = [];
    const others = this.rarestShortcuts().filter((other) => other !== entry);
    let room = this.budgetBytes - this.usedBytes;
    while (room < offer.valueBytes && others.length > 0) {
      const victim = others.shift()!;
      victims.push(victim);
      room += this.bytesOf(victim);
    }
    if (room < offer.valueBytes) return;
    const lostHits = victims.reduce((sum, victim) => sum + victim.hits, 0);
    if (victims.length > 0 && !(entry.hits / this.missRts > lostHits)) return;
    for (const victim of victims) this.delete(victim);
    entry.value = valueOf(offer);
    moveToEnd(this.entries, entry);
  }

  protected replaceValue(entry: ModelEntry, offer: Offer): void {
    const growth = offer.valueBytes - entry.value!.bytes;
    if (offer.valueBytes === SHORTCUT_ONLY) {
      entry.value = undefined;
      return;
    }
    while (this.usedBytes + growth > this.budgetBytes) {
      const oldest = this.oldestValue();
      if (oldest === entry) break;
      oldest!.value = undefined;
    }
    entry.value = this.usedBytes + growth <= this.budgetBytes ? valueOf(offer) : undefined;
  }
}

/** A fixed share of the budget for values. */
export class SplitModel extends CacheModel {
  readonly policy: "values" | "shortcuts" | "split";
  readonly #valueBudget: number;

  constructor(policy: "values" | "shortcuts" | "split", budgetBytes: number, share: number) {
    super(budgetBytes);
    this.policy = policy;
    this.#valueBudget = Math.floor(budgetBytes * share);
  }

  protected place(offer: Offer): void {
    const shortcutBytes = HEADER_BYTES + offer.keyBytes;
    const hasValue = offer.valueBytes !== SHORTCUT_ONLY &&
      shortcutBytes + offer.valueBytes <= this.#valueBudget;
    if (hasValue) {
      this.add(offer, true);
      this.#shrinkValues(0);
    } else if (shortcutBytes <= this.budgetBytes - this.#valueBudget) {
      this.#shrinkShortcuts(shortcutBytes);
      this.add(offer, false);
    }
  }

  protected offerValue(entry: ModelEntry, offer: Offer): void {
    if (HEADER_BYTES + entry.keyBytes + offer.valueBytes > this.#valueBudget) return;
    entry.value = valueOf(offer);
    moveToEnd(this.entries, entry);
    this.#shrinkValues(0);
  }

  protected replaceValue(entry: ModelEntry, offer: Offer): void {
    if (offer.valueBytes !== SHORTCUT_ONLY) {
      const growth = offer.valueBytes - entry.value!.bytes;
      this.#shrinkValues(growth, entry);
      if (this.#valueBytes + growth <= this.#valueBudget) {
        entry.value = valueOf(offer);
        return;
      }
    }
    this.#giveUp(entry);
  }

  get #valueBytes(): number {
    return this.entries.filter((entry) => entry.value !== undefined)
      .reduce((sum, entry) => sum + this.bytesOf(entry), 0);
  }

  #shrinkValues(growth: number, except?: ModelEntry): void {
    while (this.#valueBytes + growth > this.#valueBudget) {
      const oldest = this.oldestValue()!;
      if (oldest === except) return;
      this.#giveUp(oldest);
    }
  }

  #giveUp(entry: ModelEntry): void {
    const shortcutBytes = HEADER_BYTES + entry.keyBytes;
    if (shortcutBytes > this.budgetBytes - this.#valueBudget) return this.delete(entry);
    this.#shrinkShortcuts(shortcutBytes);
    entry.value = undefined;
  }

  #shrinkShortcuts(bytes: number): void {
    while (
      this.usedBytes - this.#valueBytes + bytes > this.budgetBytes - this.#valueBudget
    ) this.delete(this.rarestShortcuts()[0]!);
  }
}

/** What has just become a value is the one used last among them. */
function moveToEnd(entries: ModelEntry[], entry: ModelEntry): void {
  entries.push(...entries.splice(entries.indexOf(entry), 1));
}
