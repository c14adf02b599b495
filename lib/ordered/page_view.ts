/**
 * A version of a page, where it stands.
 *
 * What is read here may be torn, until the generation of the block turns out to be unchanged, or if
 * a hazard word names the block. So nothing is relied upon but that loops end: lengths are masked,
 * and what lies beyond a buffer is no reason to fail.
 *
 * @module
 */
import { fence } from "../platform/memory_order.ts";
import { compareKeys, compareWithPrefix, keySlice, wordsOfBytes } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import {
  BLOCK_ENTRIES,
  BLOCK_HIGH_BYTES,
  BLOCK_KIND,
  BLOCK_LENGTHS,
  BLOCK_NEXT,
  BLOCK_TEXT_BLOCKS,
  BLOCK_WORDS,
  DORMANT,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  kindCount,
  kindIsFrozen,
  kindLevel,
  lengthOfLow,
  lengthOfPrefix,
  NO_PAGE,
  roomBeside,
  TEXT_BLOCK_WORDS,
  TEXT_BLOCKS_MAX,
} from "./page_layout.ts";

/** A key to look for. */
export interface KeyText {
  readonly words: Int32Array;
  readonly start: number;
  readonly byteLength: number;
}

/** Shows one version after the other. */
export class PageView {
  page: number = NO_PAGE;
  block = 0;
  /** The page word when the block was looked up. */
  word = 0;
  generation = 0;
  level = 0;
  isFrozen = false;
  count = 0;
  next: number = NO_PAGE;
  lowBytes = 0;
  /** -1 if there is no high fence. */
  highBytes = 0;
  prefixBytes = 0;
  textBlocks = 0;
  /** The region that the block is in, and the index of its first word. */
  words: Int32Array = new Int32Array(0);
  at = 0;
  /** Where the low fence begins; the high fence and the prefix stand behind it. */
  text: Int32Array = this.words;
  textAt = 0;
  readonly #memory: OrderedMemory;
  /** Texts that are in blocks of their own. */
  #gathered: Int32Array = new Int32Array(0);

  /** Views pages of an index. */
  constructor(memory: OrderedMemory) {
    this.#memory = memory;
  }

  /**
   * Begins to read a page, be it dormant or not.
   *
   * @param word what the page word was
   * @returns false if the page has another version by now
   */
  begin(page: number, word: number): boolean {
    const memory = this.#memory;
    const block = word & ~DORMANT;
    this.generation = memory.loadGeneration(block);
    // Without this second load the generation could be one in which the block was already reused.
    if (memory.loadPage(page) !== word) return false;
    this.show(page, word);
    return this.hasWholeTexts;
  }

  /**
   * Whether texts in blocks of their own were copied while the version was the page's present one.
   * Afterwards these blocks may be filled again at any time: the versions that followed had the
   * same ones, and neither a hazard word nor the generation of this version's block tells of that.
   */
  get hasWholeTexts(): boolean {
    if (this.textBlocks === 0) return true;
    fence();
    return this.#memory.loadPage(this.page) === this.word;
  }

  /** Whether what has been read since {@linkcode begin} was a version of the page, whole. */
  get isIntact(): boolean {
    fence();
    return this.#memory.loadGeneration(this.block) === this.generation;
  }

  /** Shows a version that a hazard word of this thread names. */
  show(page: number, word: number): void {
    const block = word & ~DORMANT;
    this.page = page;
    this.word = word;
    this.block = block;
    const words = this.#memory.regionOf(block);
    const at = this.#memory.wordOf(block);
    this.words = words;
    this.at = at;
    const kind = words[at + BLOCK_KIND];
    const lengths = words[at + BLOCK_LENGTHS];
    this.level = kindLevel(kind);
    this.isFrozen = kindIsFrozen(kind);
    this.count = kindCount(kind);
    this.next = words[at + BLOCK_NEXT];
    this.lowBytes = lengthOfLow(lengths);
    this.prefixBytes = lengthOfPrefix(lengths);
    const high = words[at + BLOCK_HIGH_BYTES];
    this.highBytes = high < 0 ? -1 : high & 0xfff;
    this.textBlocks = words[at + BLOCK_TEXT_BLOCKS];
    if (this.textBlocks !== 0) return this.#gather();
    this.text = words;
    this.textAt = at + BLOCK_WORDS - this.textWords;
  }

  /** Words of the texts. */
  get textWords(): number {
    const high = this.highBytes < 0 ? 0 : wordsOfBytes(this.highBytes);
    return wordsOfBytes(this.lowBytes) + high + wordsOfBytes(this.prefixBytes);
  }

  /** Entries for which there is room beside the texts. */
  get room(): number {
    return roomBeside(this.textWords);
  }

  /** Where the high fence begins. */
  get highAt(): number {
    return this.textAt + wordsOfBytes(this.lowBytes);
  }

  /** Where the prefix begins. */
  get prefixAt(): number {
    const high = this.highBytes < 0 ? 0 : wordsOfBytes(this.highBytes);
    return this.textAt + wordsOfBytes(this.lowBytes) + high;
  }

  /** Number of a block that holds texts. */
  textBlock(index: number): number {
    return this.words[this.at + BLOCK_WORDS - TEXT_BLOCKS_MAX + index];
  }

  /** Index of the first word of an entry. */
  entryAt(index: number): number {
    return this.at + BLOCK_ENTRIES + index * ENTRY_WORDS;
  }

  /** The child of an entry. */
  childOf(index: number): number {
    return this.words[this.entryAt(index) + ENTRY_VALUE];
  }

  /** Compares a key with the low fence. */
  compareLow({ words, start, byteLength }: KeyText): number {
    return compareKeys(words, start, byteLength, this.text, this.textAt, this.lowBytes);
  }

  /** Compares a key with the high fence. */
  compareHigh({ words, start, byteLength }: KeyText): number {
    if (this.highBytes < 0) return -1;
    return compareKeys(words, start, byteLength, this.text, this.highAt, this.highBytes);
  }

  /** Compares a key with the keys that have the page's prefix. */
  comparePrefix({ words, start, byteLength }: KeyText): number {
    const { text, prefixAt, prefixBytes } = this;
    return compareWithPrefix(words, start, byteLength, text, prefixAt, prefixBytes);
  }

  /** The first entry from `first` on whose slice is not below that of a key that has the prefix. */
  lowerBound({ words, start, byteLength }: KeyText, first: number): number {
    const high = keySlice(words, start, byteLength, this.prefixBytes);
    const low = keySlice(words, start, byteLength, this.prefixBytes + 4);
    let from = first;
    let to = this.count;
    const page = this.words;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = this.entryAt(middle);
      const seen = page[at + ENTRY_HIGH];
      if (seen < high || (seen === high && page[at + ENTRY_LOW] < low)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Whether the slice of an entry is that of a key that has the prefix. */
  hasSlice(index: number, { words, start, byteLength }: KeyText): boolean {
    const at = this.entryAt(index);
    return this.words[at + ENTRY_HIGH] === keySlice(words, start, byteLength, this.prefixBytes) &&
      this.words[at + ENTRY_LOW] === keySlice(words, start, byteLength, this.prefixBytes + 4);
  }

  /** Where the entry of a key that has the prefix is, or belongs. */
  placeOf({ words, start, byteLength }: KeyText, value: number): number {
    const high = keySlice(words, start, byteLength, this.prefixBytes);
    const low = keySlice(words, start, byteLength, this.prefixBytes + 4);
    const page = this.words;
    const first = this.entryAt(0);
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = first + middle * ENTRY_WORDS;
      const seenHigh = page[at + ENTRY_HIGH];
      const seenLow = page[at + ENTRY_LOW];
      const isBelow = seenHigh !== high
        ? seenHigh < high
        : seenLow !== low
        ? seenLow < low
        : page[at + ENTRY_VALUE] < value;
      if (isBelow) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Whether an entry is that of a key that has the prefix. */
  hasEntry(index: number, key: KeyText, value: number): boolean {
    return index < this.count && this.childOf(index) === value && this.hasSlice(index, key);
  }

  #gather(): void {
    const count = Math.min(this.textWords, TEXT_BLOCKS_MAX * TEXT_BLOCK_WORDS);
    if (count > this.#gathered.length) this.#gathered = new Int32Array(count);
    for (let i = 0, from = 0; from < count; i++, from += TEXT_BLOCK_WORDS) {
      const block = this.textBlock(i);
      const region = this.#memory.regionOf(block);
      const first = this.#memory.wordOf(block) + 1;
      const end = Math.min(count - from, TEXT_BLOCK_WORDS);
      for (let word = 0; word < end; word++) this.#gathered[from + word] = region[first + word];
    }
    this.text = this.#gathered;
    this.textAt = 0;
  }
}
