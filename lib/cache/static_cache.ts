/**
 * The static baselines: a fixed share of the budget is for values, the rest for shortcuts. Values
 * are replaced least recently used first, and become shortcuts; shortcuts are replaced least
 * frequently used first, and become values when they are hit. A share of 1 makes values only, a
 * share of 0 shortcuts only.
 *
 * @module
 */
import {
  type CacheKey,
  type CacheOptions,
  SHORTCUT_ONLY,
  shortcutBytes,
  valueEntryBytes,
} from "./cache.ts";
import { NO_ENTRY } from "./entry_table.ts";
import { RecencyFrequencyCache } from "./recency_frequency_cache.ts";

/** A fixed split. */
export class StaticCache<P> extends RecencyFrequencyCache<P> {
  readonly policy: "values" | "shortcuts" | "split";
  readonly #valueBudgetBytes: number;
  readonly #shortcutBudgetBytes: number;
  /** Bytes of the value entries, keys and headers included. */
  #valueUsedBytes = 0;

  /** Makes a cache with `valueShare` of the budget for values, from 0 to 1. */
  constructor(
    policy: "values" | "shortcuts" | "split",
    options: CacheOptions<P>,
    valueShare: number,
  ) {
    super(options);
    this.policy = policy;
    this.#valueBudgetBytes = Math.floor(this.budgetBytes * valueShare);
    this.#shortcutBudgetBytes = this.budgetBytes - this.#valueBudgetBytes;
  }

  protected place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number {
    const { byteLength } = key;
    if (
      valueBytes !== SHORTCUT_ONLY &&
      valueEntryBytes(byteLength, valueBytes) <= this.#valueBudgetBytes
    ) {
      const entry = this.add(key, address, generation, valueBytes, payload, 1);
      this.#shrinkValues(0);
      return entry;
    }
    const bytes = shortcutBytes(byteLength);
    if (bytes > this.#shortcutBudgetBytes) return NO_ENTRY;
    this.#shrinkShortcuts(bytes);
    return this.add(key, address, generation, SHORTCUT_ONLY, payload, 1);
  }

  protected considerPromotion(entry: number, valueBytes: number, payload: P): void {
    const bytes = valueEntryBytes(this.table.keyBytes(entry), valueBytes);
    if (bytes > this.#valueBudgetBytes) return;
    this.promoteEntry(entry, valueBytes, payload);
    this.#shrinkValues(0);
  }

  protected makeRoomFor(entry: number, growthBytes: number): boolean {
    this.#shrinkValues(growthBytes, entry);
    return this.#valueUsedBytes + growthBytes <= this.#valueBudgetBytes;
  }

  protected giveUpValue(entry: number): boolean {
    const bytes = shortcutBytes(this.table.keyBytes(entry));
    if (bytes > this.#shortcutBudgetBytes) {
      this.evict(entry);
      return false;
    }
    this.#shrinkShortcuts(bytes);
    this.demote(entry);
    return true;
  }

  protected override shelve(entry: number): void {
    super.shelve(entry);
    if (this.table.hasValue(entry)) this.#valueUsedBytes += this.#entryBytes(entry);
  }

  protected override unshelve(entry: number): void {
    super.unshelve(entry);
    if (this.table.hasValue(entry)) this.#valueUsedBytes -= this.#entryBytes(entry);
  }

  protected override noteResized(_entry: number, growthBytes: number): void {
    this.#valueUsedBytes += growthBytes;
  }

  protected override forget(): void {
    super.forget();
    this.#valueUsedBytes = 0;
  }

  #entryBytes(entry: number): number {
    return valueEntryBytes(this.table.keyBytes(entry), this.table.valueBytes(entry));
  }

  /**
   * Gives up the least recently used values until there is room for more bytes, or the next one is
   * `except`.
   */
  #shrinkValues(bytes: number, except = NO_ENTRY): void {
    while (
      this.#valueUsedBytes + bytes > this.#valueBudgetBytes && this.values.first !== except
    ) this.giveUpValue(this.values.first);
  }

  /** Evicts the least frequently used shortcuts until there is room for more bytes. */
  #shrinkShortcuts(bytes: number): void {
    while (this.usedBytes - this.#valueUsedBytes + bytes > this.#shortcutBudgetBytes) {
      this.evict(this.shortcuts.worst);
    }
  }
}
