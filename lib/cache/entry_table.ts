/**
 * The entries of a cache: a hash table whose entries are rows of one array of words, so that an
 * entry costs no object, and a cache with few of them little memory. Which entries there are is for
 * a policy to decide; this counts their bytes.
 *
 * ```text
 *   word 0    hash of the key
 *   word 1    address        the shortcut
 *   word 2    generation
 *   word 3    next entry in the same bucket, or the next free row
 *   word 4, 5 previous and next entry of the same slot
 *   word 6    where the key is in the arena
 *   word 7    length of the key in bytes | mark (bits 16 and up): which of a policy's queues it is in
 *   word 8    length of the value in bytes; NO_VALUE in a shortcut entry
 *   word 9    hits, in the policy's unit
 *   word 10   previous entry in a queue
 *   word 11   next entry in a queue
 *   word 12   stamp of the last access
 *   word 13   position in a heap
 * ```
 *
 * @module
 */
import { SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import { assert } from "../core/assert.ts";
import { type CacheKey, ENTRY_HEADER_BYTES, shortcutBytes } from "./cache.ts";
import { KeyArena } from "./key_arena.ts";

const HASH = 0;
const ADDRESS = 1;
const GENERATION = 2;
const NEXT_IN_BUCKET = 3;
const SLOT_PREVIOUS = 4;
const SLOT_NEXT = 5;
const KEY_AT = 6;
const LENGTH_AND_MARK = 7;
const VALUE_BYTES = 8;
/** Offsets of the words that belong to the policy. */
export const ENTRY_HITS = 9;
export const ENTRY_PREVIOUS = 10;
export const ENTRY_NEXT = 11;
export const ENTRY_STAMP = 12;
export const ENTRY_POSITION = 13;
/** Words of an entry. */
export const ENTRY_WORDS = 14;

const LENGTH_MASK = 0xffff;
const MARK_SHIFT = 16;

/** Stands for the value of an entry that has none. */
const NO_VALUE = -1;
/** No entry. */
export const NO_ENTRY = -1;

const ENTRIES_MIN = 16;

assert(
  ENTRY_HEADER_BYTES === ENTRY_WORDS * 4 + 8,
  "an entry is charged its words, a word of the buckets and one reference",
);

/** The entries. Numbers of entries are rows; the number of one that was removed is used again. */
export class EntryTable<P> {
  /** The rows; another array after `insert` if it had to grow. */
  words: Int32Array = new Int32Array(ENTRIES_MIN * ENTRY_WORDS);
  /** Bytes that all entries are charged. */
  usedBytes = 0;
  /** Number of entries with a value. */
  valueCount = 0;
  /** Number of entries. */
  count = 0;

  readonly #keys: KeyArena = new KeyArena();
  #payloads: (P | undefined)[] = [];
  /** First entry of each bucket; a power of two of them, as many as there are rows. */
  #buckets: Int32Array = new Int32Array(ENTRIES_MIN).fill(NO_ENTRY);
  /** First entry of each slot. */
  readonly #slots: Int32Array = new Int32Array(SLOT_COUNT).fill(NO_ENTRY);
  #firstFree = NO_ENTRY;
  /** Rows that have been used at least once. */
  #end = 0;

  /** The entry of a key. */
  find(key: CacheKey): number {
    const words = this.words;
    const hash = key.hash | 0;
    let entry = this.#buckets[hash & (this.#buckets.length - 1)];
    while (entry !== NO_ENTRY) {
      const row = entry * ENTRY_WORDS;
      if (words[row + HASH] === hash && this.#hasKey(row, key)) return entry;
      entry = words[row + NEXT_IN_BUCKET];
    }
    return NO_ENTRY;
  }

  /** Adds a shortcut entry for a key that has none; hits and mark are 0. */
  insert(key: CacheKey, address: number, generation: number): number {
    const entry = this.#takeRow();
    const words = this.words;
    const row = entry * ENTRY_WORDS;
    const { byteLength } = key;
    const keyAt = this.#keys.allocate(byteLength);
    const keyWords = this.#keys.words;
    for (let i = 0; i < (byteLength + 3) >>> 2; i++) keyWords[keyAt + i] = key.words[key.start + i];
    const hash = key.hash | 0;
    const bucket = hash & (this.#buckets.length - 1);
    const slot = hash >>> SLOT_SHIFT;
    const slotNext = this.#slots[slot];
    words[row + HASH] = hash;
    words[row + ADDRESS] = address;
    words[row + GENERATION] = generation;
    words[row + NEXT_IN_BUCKET] = this.#buckets[bucket];
    words[row + SLOT_PREVIOUS] = NO_ENTRY;
    words[row + SLOT_NEXT] = slotNext;
    words[row + KEY_AT] = keyAt;
    words[row + LENGTH_AND_MARK] = byteLength;
    words[row + VALUE_BYTES] = NO_VALUE;
    words[row + ENTRY_HITS] = 0;
    words[row + ENTRY_STAMP] = 0;
    this.#buckets[bucket] = entry;
    if (slotNext !== NO_ENTRY) words[slotNext * ENTRY_WORDS + SLOT_PREVIOUS] = entry;
    this.#slots[slot] = entry;
    this.count += 1;
    this.usedBytes += shortcutBytes(byteLength);
    return entry;
  }

  /** Removes an entry, of either kind. */
  remove(entry: number): void {
    if (this.hasValue(entry)) this.dropValue(entry);
    const words = this.words;
    const row = entry * ENTRY_WORDS;
    const hash = words[row + HASH];
    const bucket = hash & (this.#buckets.length - 1);
    if (this.#buckets[bucket] === entry) {
      this.#buckets[bucket] = words[row + NEXT_IN_BUCKET];
    } else {
      let other = this.#buckets[bucket] * ENTRY_WORDS;
      while (words[other + NEXT_IN_BUCKET] !== entry) {
        other = words[other + NEXT_IN_BUCKET] * ENTRY_WORDS;
      }
      words[other + NEXT_IN_BUCKET] = words[row + NEXT_IN_BUCKET];
    }
    const previous = words[row + SLOT_PREVIOUS];
    const next = words[row + SLOT_NEXT];
    if (previous === NO_ENTRY) this.#slots[hash >>> SLOT_SHIFT] = next;
    else words[previous * ENTRY_WORDS + SLOT_NEXT] = next;
    if (next !== NO_ENTRY) words[next * ENTRY_WORDS + SLOT_PREVIOUS] = previous;
    const keyBytes = this.keyBytes(entry);
    this.#keys.free(words[row + KEY_AT], keyBytes);
    this.count -= 1;
    this.usedBytes -= shortcutBytes(keyBytes);
    words[row + NEXT_IN_BUCKET] = this.#firstFree;
    this.#firstFree = entry;
  }

  /** Gives a value to an entry, or another value. */
  setValue(entry: number, valueBytes: number, payload: P): void {
    const at = entry * ENTRY_WORDS + VALUE_BYTES;
    const before = this.words[at];
    if (before === NO_VALUE) {
      this.valueCount += 1;
      this.usedBytes += valueBytes;
    } else {
      this.usedBytes += valueBytes - before;
    }
    this.words[at] = valueBytes;
    this.#payloads[entry] = payload;
  }

  /** Takes the value from an entry. */
  dropValue(entry: number): void {
    const at = entry * ENTRY_WORDS + VALUE_BYTES;
    this.usedBytes -= this.words[at];
    this.valueCount -= 1;
    this.words[at] = NO_VALUE;
    this.#payloads[entry] = undefined;
  }

  /** Gives an entry another shortcut. */
  setShortcut(entry: number, address: number, generation: number): void {
    this.words[entry * ENTRY_WORDS + ADDRESS] = address;
    this.words[entry * ENTRY_WORDS + GENERATION] = generation;
  }

  /** Whether an entry has a value. */
  hasValue(entry: number): boolean {
    return this.words[entry * ENTRY_WORDS + VALUE_BYTES] !== NO_VALUE;
  }

  /** Length of an entry's value. */
  valueBytes(entry: number): number {
    return this.words[entry * ENTRY_WORDS + VALUE_BYTES];
  }

  /** Length of an entry's key. */
  keyBytes(entry: number): number {
    return this.words[entry * ENTRY_WORDS + LENGTH_AND_MARK] & LENGTH_MASK;
  }

  /** What is kept with an entry. */
  payload(entry: number): P | undefined {
    return this.#payloads[entry];
  }

  /** Hash of an entry's key. */
  hash(entry: number): number {
    return this.words[entry * ENTRY_WORDS + HASH];
  }

  /** Address in an entry. */
  address(entry: number): number {
    return this.words[entry * ENTRY_WORDS + ADDRESS];
  }

  /** Generation in an entry. */
  generation(entry: number): number {
    return this.words[entry * ENTRY_WORDS + GENERATION];
  }

  /** A policy's mark on an entry, from 0 to 32767. */
  mark(entry: number): number {
    return this.words[entry * ENTRY_WORDS + LENGTH_AND_MARK] >>> MARK_SHIFT;
  }

  /** Marks an entry. */
  setMark(entry: number, mark: number): void {
    const at = entry * ENTRY_WORDS + LENGTH_AND_MARK;
    this.words[at] = (this.words[at] & LENGTH_MASK) | (mark << MARK_SHIFT);
  }

  /** An entry of a slot. */
  firstOfSlot(slot: number): number {
    return this.#slots[slot];
  }

  /** Removes all entries, and gives their memory back. */
  clear(): void {
    this.words = new Int32Array(ENTRIES_MIN * ENTRY_WORDS);
    this.usedBytes = 0;
    this.valueCount = 0;
    this.count = 0;
    this.#keys.clear();
    this.#payloads = [];
    this.#buckets = new Int32Array(ENTRIES_MIN).fill(NO_ENTRY);
    this.#slots.fill(NO_ENTRY);
    this.#firstFree = NO_ENTRY;
    this.#end = 0;
  }

  #hasKey(row: number, key: CacheKey): boolean {
    const { byteLength, start } = key;
    if ((this.words[row + LENGTH_AND_MARK] & LENGTH_MASK) !== byteLength) return false;
    const keyAt = this.words[row + KEY_AT];
    const stored = this.#keys.words;
    const given = key.words;
    for (let i = 0; i < (byteLength + 3) >>> 2; i++) {
      if (stored[keyAt + i] !== given[start + i]) return false;
    }
    return true;
  }

  #takeRow(): number {
    const free = this.#firstFree;
    if (free !== NO_ENTRY) {
      this.#firstFree = this.words[free * ENTRY_WORDS + NEXT_IN_BUCKET];
      return free;
    }
    if (this.#end === this.#buckets.length) this.#grow();
    return this.#end++;
  }

  /** Doubles the rows and the buckets; every row is in use. */
  #grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    const buckets = new Int32Array(this.#buckets.length * 2).fill(NO_ENTRY);
    for (let entry = 0; entry < this.#end; entry++) {
      const bucket = words[entry * ENTRY_WORDS + HASH] & (buckets.length - 1);
      words[entry * ENTRY_WORDS + NEXT_IN_BUCKET] = buckets[bucket];
      buckets[bucket] = entry;
    }
    this.words = words;
    this.#buckets = buckets;
  }
}
