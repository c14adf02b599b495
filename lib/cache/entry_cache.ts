/**
 * What all policies have in common: finding entries, describing hits, counting, and the average
 * cost of a miss. A policy says which key gets an entry, which kind, and which entry has to go for
 * it.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import {
  type Cache,
  type CacheCounters,
  type CacheKey,
  CacheKind,
  type CacheOptions,
  type CachePolicy,
  SHORTCUT_ONLY,
} from "./cache.ts";
import { ENTRY_HITS, ENTRY_STAMP, ENTRY_WORDS, EntryTable, NO_ENTRY } from "./entry_table.ts";

/** Average cost of a miss until one has been measured. */
const MISS_RTS_DEFAULT = 2;
/**
 * Weight of the newest miss in the running average: of the last few hundred misses, each counts
 * about the same.
 */
const MISS_WEIGHT = 1 / 256;

/** Counters that can be counted up. */
type Counting = { -readonly [Name in keyof CacheCounters]: CacheCounters[Name] };

/** The base of all policies. */
export abstract class EntryCache<P> implements Cache<P> {
  abstract readonly policy: CachePolicy;
  readonly budgetBytes: number;
  averageMissRts: number;
  address = 0;
  generation = 0;
  valueBytes = 0;
  payload: P | undefined = undefined;

  protected readonly table: EntryTable<P> = new EntryTable<P>();
  protected readonly counting: Counting = {
    valueHits: 0,
    shortcutHits: 0,
    staleShortcuts: 0,
    misses: 0,
    promotions: 0,
    demotions: 0,
    evictions: 0,
    admissions: 0,
    refusals: 0,
  };
  /** Accesses until now; wraps. */
  protected now = 0;
  readonly #keep: NonNullable<CacheOptions<P>["keep"]>;

  /** Makes an empty cache. */
  constructor({ budgetBytes, keep, missRts }: CacheOptions<P>) {
    assert(
      Number.isSafeInteger(budgetBytes) && budgetBytes >= 0,
      "a cache's budget is a whole number of bytes",
    );
    this.budgetBytes = budgetBytes;
    this.averageMissRts = missRts ?? MISS_RTS_DEFAULT;
    this.#keep = keep ?? ((payload) => payload);
  }

  get usedBytes(): number {
    return this.table.usedBytes;
  }

  get valueCount(): number {
    return this.table.valueCount;
  }

  get shortcutCount(): number {
    return this.table.count - this.table.valueCount;
  }

  get counters(): CacheCounters {
    return this.counting;
  }

  /** Bytes that are left of the budget. */
  protected get freeBytes(): number {
    return this.budgetBytes - this.table.usedBytes;
  }

  lookup(key: CacheKey): CacheKind {
    const { table } = this;
    const entry = this.#access(key);
    if (entry === NO_ENTRY) {
      this.counting.misses += 1;
      return CacheKind.MISS;
    }
    this.address = table.address(entry);
    this.generation = table.generation(entry);
    this.payload = table.payload(entry);
    if (!table.hasValue(entry)) {
      this.counting.shortcutHits += 1;
      return CacheKind.SHORTCUT;
    }
    this.valueBytes = table.valueBytes(entry);
    this.counting.valueHits += 1;
    return CacheKind.VALUE;
  }

  admit(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
    rts: number,
  ): CacheKind {
    this.averageMissRts += (rts - this.averageMissRts) * MISS_WEIGHT;
    const { table } = this;
    const entry = table.find(key);
    if (entry === NO_ENTRY) return this.#add(key, address, generation, valueBytes, payload);
    const isMoved = table.address(entry) !== address || table.generation(entry) !== generation;
    if (isMoved && !table.hasValue(entry)) this.counting.staleShortcuts += 1;
    return this.#refresh(entry, address, generation, valueBytes, payload);
  }

  promote(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind {
    const { table } = this;
    const entry = table.find(key);
    if (entry === NO_ENTRY) return CacheKind.MISS;
    if (table.hasValue(entry)) return CacheKind.VALUE;
    if (table.address(entry) !== address || table.generation(entry) !== generation) {
      return CacheKind.SHORTCUT;
    }
    this.considerPromotion(entry, valueBytes, payload);
    this.#assertWithinBudget();
    return this.#kindOf(entry);
  }

  write(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind {
    const entry = this.#access(key);
    if (entry === NO_ENTRY) return this.#add(key, address, generation, valueBytes, payload);
    return this.#refresh(entry, address, generation, valueBytes, payload);
  }

  remove(key: CacheKey): boolean {
    const entry = this.table.find(key);
    if (entry === NO_ENTRY) return false;
    this.#discard(entry);
    return true;
  }

  dropSlot(slot: number): number {
    const { table } = this;
    let count = 0;
    for (let entry = table.firstOfSlot(slot); entry !== NO_ENTRY; count++) {
      this.#discard(entry);
      entry = table.firstOfSlot(slot);
    }
    return count;
  }

  clear(): void {
    this.table.clear();
    this.payload = undefined;
    this.forget();
  }

  /** A key was asked for, or written, that has no entry. */
  protected abstract noteMiss(key: CacheKey): void;

  /** A key was asked for, or written, that has this entry. */
  protected abstract noteUse(entry: number): void;

  /**
   * Makes an entry for a key that has none, if it is worth it, by {@linkcode add}.
   *
   * @param valueBytes length of the value, or `SHORTCUT_ONLY`
   * @returns the entry, or `NO_ENTRY`
   */
  protected abstract place(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): number;

  /**
   * Gives a shortcut entry the value that was read for it, by {@linkcode promoteEntry}, if it is
   * worth it.
   */
  protected abstract considerPromotion(entry: number, valueBytes: number, payload: P): void;

  /**
   * Makes room for a value that is that much longer, or shorter, than the one that an entry has, as
   * long as others are worth less.
   *
   * @returns whether there is room now
   */
  protected abstract makeRoomFor(entry: number, growthBytes: number): boolean;

  /**
   * Gives up an entry's value, to make room or because it is an old one; returns whether a shortcut
   * entry stays.
   */
  protected abstract giveUpValue(entry: number): boolean;

  /** Puts an entry where the policy keeps those of its kind: it is new, or of another kind now. */
  protected abstract shelve(entry: number): void;

  /** Takes an entry from there: it will be removed, or be of another kind. */
  protected abstract unshelve(entry: number): void;

  /** Forgets all entries, and what has been learned about keys. */
  protected abstract forget(): void;

  /** The value of an entry has got another length. */
  protected noteResized(_entry: number, _growthBytes: number): void {}

  /**
   * Adds an entry, for which there is room.
   *
   * @param hits what it starts with
   * @param valueBytes length of the value, or `SHORTCUT_ONLY` for a shortcut entry
   */
  protected add(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
    hits: number,
  ): number {
    const { table } = this;
    const entry = table.insert(key, address, generation);
    table.words[entry * ENTRY_WORDS + ENTRY_HITS] = hits;
    if (valueBytes !== SHORTCUT_ONLY) {
      table.setValue(entry, valueBytes, this.#keep(payload, valueBytes, undefined));
    }
    table.words[entry * ENTRY_WORDS + ENTRY_STAMP] = this.now;
    this.shelve(entry);
    return entry;
  }

  /** Gives a value, for which there is room, to a shortcut entry. */
  protected promoteEntry(entry: number, valueBytes: number, payload: P): void {
    this.unshelve(entry);
    this.table.setValue(entry, valueBytes, this.#keep(payload, valueBytes, undefined));
    this.counting.promotions += 1;
    this.shelve(entry);
  }

  /** Makes a shortcut entry of a value entry. */
  protected demote(entry: number): void {
    assert(entry !== NO_ENTRY, "a cache that demotes has a value");
    this.unshelve(entry);
    this.table.dropValue(entry);
    this.counting.demotions += 1;
    this.shelve(entry);
  }

  /** Removes an entry to make room. */
  protected evict(entry: number): void {
    this.counting.evictions += 1;
    this.#discard(entry);
  }

  #add(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind {
    const entry = this.place(key, address, generation, valueBytes, payload);
    this.#assertWithinBudget();
    if (entry === NO_ENTRY) {
      this.counting.refusals += 1;
      return CacheKind.MISS;
    }
    this.counting.admissions += 1;
    return this.#kindOf(entry);
  }

  /** An entry takes another shortcut, and its value if it has one. */
  #refresh(
    entry: number,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind {
    const { table } = this;
    table.setShortcut(entry, address, generation);
    if (!table.hasValue(entry)) {
      if (valueBytes !== SHORTCUT_ONLY) this.considerPromotion(entry, valueBytes, payload);
      this.#assertWithinBudget();
      return this.#kindOf(entry);
    }
    const growthBytes = valueBytes - table.valueBytes(entry);
    if (valueBytes !== SHORTCUT_ONLY && this.makeRoomFor(entry, growthBytes)) {
      table.setValue(entry, valueBytes, this.#keep(payload, valueBytes, table.payload(entry)));
      if (growthBytes !== 0) this.noteResized(entry, growthBytes);
      this.#assertWithinBudget();
      return CacheKind.VALUE;
    }
    // The value that it has is an old one.
    return this.giveUpValue(entry) ? CacheKind.SHORTCUT : CacheKind.MISS;
  }

  /** Finds a key's entry, and counts the access. */
  #access(key: CacheKey): number {
    this.now = (this.now + 1) | 0;
    const entry = this.table.find(key);
    if (entry === NO_ENTRY) {
      this.noteMiss(key);
    } else {
      this.table.words[entry * ENTRY_WORDS + ENTRY_STAMP] = this.now;
      this.noteUse(entry);
    }
    return entry;
  }

  #discard(entry: number): void {
    // Without one, bytes would be charged that no entry has, and making room would never end.
    assert(entry !== NO_ENTRY, "a cache that lacks room has an entry to remove");
    this.unshelve(entry);
    this.table.remove(entry);
  }

  #kindOf(entry: number): CacheKind {
    return this.table.hasValue(entry) ? CacheKind.VALUE : CacheKind.SHORTCUT;
  }

  #assertWithinBudget(): void {
    assert(this.table.usedBytes <= this.budgetBytes, "the entries of a cache fit its budget");
  }
}
