/**
 * What the newest record of a key is, as the far KN that owns its slot finds out: from its cache,
 * from the records that it has logged and that are not merged, or from the pool.
 *
 * Why that is the key's newest record (I4): only the owner writes records of the slot, so all that
 * is newer than the index is in its unmerged log, and its cache has been told of everything that it
 * has written. What it remembers from an earlier time as owner does not count: {@linkcode
 * FarLookup.own} is called before anything else, and forgets the slot when the owner word has
 * changed.
 *
 * A cache hit costs no round trip, and neither does a hit in the unmerged log; a shortcut costs
 * one; anything else what finding the record through the index costs (pool_reader.ts).
 *
 * @module
 */
import { type Cache, type CacheKey, CacheKind } from "../../cache/cache.ts";
import { NO_ADDRESS, type OwnerWord, type PoolAddress, type Slot } from "../../core/brands.ts";
import { copyWords } from "../../core/copy_words.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import { type KeyWords, RecordKey } from "../../log/record_key.ts";
import { type FoundValue, RecordView } from "../../log/record_view.ts";
import type { UnmergedLog } from "../log/unmerged_log.ts";
import type { Pool } from "../../pool/pool.ts";
import { VerbCounter, type Verbs } from "../../pool/verbs.ts";
import { PoolReader } from "./pool_reader.ts";

/** What a KN keeps of a value in its cache. */
export interface CachedValue extends FoundValue {
  /** Bytes of the whole record. */
  readonly recordBytes: number;
}

/**
 * A private copy of a value, for a cache to keep; in the memory of the one that it replaces, if it
 * is as long.
 */
export function keepValue(
  found: CachedValue,
  _valueBytes: number,
  replaced: CachedValue | undefined,
): CachedValue {
  const { valueAt, valueBytes, version, expiresAtMs, recordBytes } = found;
  const wordCount = (valueBytes + 3) >>> 2;
  const words = replaced?.words.length === wordCount ? replaced.words : new Int32Array(wordCount);
  copyWords(found.words, valueAt, words, 0, wordCount);
  return { words, valueAt: 0, valueBytes, version, expiresAtMs, recordBytes };
}

/** Not the owner word of any slot. */
const UNSEEN = -1;

/** Looks keys up for one KN. */
export class FarLookup {
  /**
   * What the last {@linkcode find} has found. Valid until the next one, and until anything is
   * logged.
   */
  found: CachedValue;
  readonly #pool: Pool;
  readonly #verbs: Verbs;
  readonly #unmerged: UnmergedLog;
  readonly #cache: Cache<CachedValue> | undefined;
  readonly #reader: PoolReader;
  readonly #view: RecordView;
  /** By slot: the owner word under which what is remembered of it was written. */
  readonly #ownedUnder: Int32Array = new Int32Array(SLOT_COUNT).fill(UNSEEN);
  readonly #key = new RecordKey();

  /** Looks keys up in a pool by a KN's verbs; `cache` is the KN's. */
  constructor(
    pool: Pool,
    verbs: Verbs,
    unmerged: UnmergedLog,
    cache: Cache<CachedValue> | undefined,
  ) {
    this.#pool = pool;
    this.#verbs = verbs;
    this.#unmerged = unmerged;
    this.#cache = cache;
    this.#reader = new PoolReader(pool, verbs);
    this.#view = new RecordView(pool);
    this.found = this.#view;
  }

  /** Says that the KN owns a slot by an owner word. */
  own(slot: Slot, word: OwnerWord): void {
    if (this.#ownedUnder[slot] === word) return;
    this.#ownedUnder[slot] = word;
    this.#unmerged.dropSlot(slot);
    this.#cache?.dropSlot(slot);
  }

  /**
   * Finds the newest put of a key, whether it has expired or not, in {@linkcode found}; false if
   * there is none.
   */
  find(key: KeyWords): boolean {
    const cache = this.#cache;
    const kind = cache?.lookup(key) ?? CacheKind.MISS;
    if (kind === CacheKind.VALUE) {
      this.found = cache!.payload!;
      return this.#count(VerbCounter.VALUE_HITS, true);
    }
    const logged = this.#unmerged.find(key.hash, key.words, key.start, key.byteLength);
    if (logged !== NO_ADDRESS) {
      this.#view.show(logged);
      this.found = this.#view;
      return this.#count(VerbCounter.LOG_HITS, this.#view.isPut);
    }
    // The store's own key is not cleared.
    if (key.byteLength > 0 && this.#unmerged.isCleared((key.hash >>> SLOT_SHIFT) as Slot)) {
      return this.#count(VerbCounter.LOG_HITS, false);
    }
    return this.#findInPool(key, kind === CacheKind.SHORTCUT);
  }

  /**
   * Finds the record of a key at the address at which its cell says that it is; false if it is not
   * there any more.
   *
   * What is in the cache counts only if it came from there, in the same life of the segment: then
   * it is that record.
   */
  findAt(key: KeyWords, address: PoolAddress, generation: number): boolean {
    const cache = this.#cache;
    const kind = cache?.lookup(key) ?? CacheKind.MISS;
    if (kind === CacheKind.VALUE && this.#isCachedFrom(address, generation)) {
      this.found = cache!.payload!;
      return this.#count(VerbCounter.VALUE_HITS, true);
    }
    const reader = this.#reader;
    if (!reader.readAt(key, address, generation)) return false;
    this.found = reader;
    if (kind === CacheKind.MISS) this.#admit(key, reader, reader.roundTrips);
    else cache!.write(key, address >>> 0, generation, reader.valueBytes, reader);
    return this.#count(VerbCounter.SHORTCUT_HITS, true);
  }

  /** Tells of a record that has been logged. */
  noteRecord(address: PoolAddress): void {
    const cache = this.#cache;
    if (cache === undefined) return;
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const key = this.#key.show(words, at);
    this.#view.show(address);
    if (!this.#view.isPut) return void cache.remove(key);
    const generation = this.#pool.loadGeneration(this.#pool.segmentOf(address));
    cache.write(key, address >>> 0, generation, this.#view.valueBytes, this.#view);
  }

  /** Tells that all keys of a slot have been deleted. */
  noteClear(slot: Slot): void {
    this.#cache?.dropSlot(slot);
  }

  #findInPool(key: KeyWords, hasShortcut: boolean): boolean {
    const cache = this.#cache;
    const reader = this.#reader;
    this.found = reader;
    let spent = 0;
    if (hasShortcut) {
      const address = (cache!.address | 0) as PoolAddress;
      if (reader.readAt(key, address, cache!.generation)) {
        cache!.promote(key, address >>> 0, reader.generation, reader.valueBytes, reader);
        return this.#count(VerbCounter.SHORTCUT_HITS, true);
      }
      spent = reader.roundTrips;
      this.#count(VerbCounter.STALE_SHORTCUTS, true);
    }
    const isFound = reader.find(key);
    if (isFound) this.#admit(key, reader, reader.roundTrips + spent);
    else if (hasShortcut) cache!.remove(key);
    return this.#count(VerbCounter.MISSES, isFound);
  }

  /**
   * Whether the entry that was looked up last is of the record at an address, in this life of its
   * segment.
   */
  #isCachedFrom(address: PoolAddress, generation: number): boolean {
    const cache = this.#cache;
    if (cache === undefined) return false;
    return cache.address === address >>> 0 && cache.generation === generation;
  }

  #admit(key: CacheKey, reader: PoolReader, roundTrips: number): void {
    const { address, generation, valueBytes } = reader;
    this.#cache?.admit(key, address >>> 0, generation, valueBytes, reader, roundTrips);
  }

  #count(counter: number, result: boolean): boolean {
    this.#verbs.count(counter, 1);
    return result;
  }
}
