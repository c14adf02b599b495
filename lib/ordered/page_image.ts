/**
 * A version of a page in memory of one thread, where the next version is made of it.
 *
 * @module
 */
import {
  commonBytes,
  commonSliceBytes,
  compareKeys,
  compareWithPrefix,
  KeyBuffer,
  keySlice,
  sliceBetween,
  wordsOfBytes,
} from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import {
  BLOCK_ENTRIES,
  BLOCK_HIGH_BYTES,
  BLOCK_KIND,
  BLOCK_LENGTHS,
  BLOCK_NEXT,
  BLOCK_TEXT_BLOCKS,
  BLOCK_WORDS,
  ENTRIES_MAX,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  INLINE_TEXT_WORDS,
  NO_PAGE,
  packKind,
  packLengths,
  roomBeside,
  SLICE_BYTES,
  TEXT_BLOCKS_MAX,
} from "./page_layout.ts";
import type { KeyText, PageView } from "./page_view.ts";

/** The version. */
export class PageImage {
  level = 0;
  isFrozen = false;
  next: number = NO_PAGE;
  count = 0;
  hasHigh = false;
  readonly low: KeyBuffer = new KeyBuffer();
  readonly high: KeyBuffer = new KeyBuffer();
  readonly prefix: KeyBuffer = new KeyBuffer();
  /** One more than there may be: a page that is split has one too many. */
  readonly entries: Int32Array = new Int32Array((ENTRIES_MAX + 1) * ENTRY_WORDS);
  /** Whether the texts are other ones than those of the version that was read. */
  areTextsNew = true;
  /** Blocks of texts that the version that was read has. */
  textBlockCount = 0;
  readonly textBlocks: Int32Array = new Int32Array(TEXT_BLOCKS_MAX);

  /** Takes over a version. */
  read(view: PageView): void {
    this.level = view.level;
    this.isFrozen = view.isFrozen;
    this.next = view.next;
    this.count = view.count;
    this.hasHigh = view.highBytes >= 0;
    this.low.set(view.text, view.textAt, view.lowBytes);
    this.high.set(view.text, view.highAt, this.hasHigh ? view.highBytes : 0);
    this.prefix.set(view.text, view.prefixAt, view.prefixBytes);
    const { words } = view;
    const { entries } = this;
    const first = view.entryAt(0);
    const end = view.count * ENTRY_WORDS;
    for (let i = 0; i < end; i++) entries[i] = words[first + i];
    this.areTextsNew = false;
    this.textBlockCount = Math.min(view.textBlocks, TEXT_BLOCKS_MAX);
    for (let i = 0; i < this.textBlockCount; i++) this.textBlocks[i] = view.textBlock(i);
  }

  /** Begins a page without entries and fences. */
  reset(level: number): void {
    this.level = level;
    this.isFrozen = false;
    this.next = NO_PAGE;
    this.count = 0;
    this.hasHigh = false;
    this.low.truncate(0);
    this.high.truncate(0);
    this.prefix.truncate(0);
    this.renewTexts();
  }

  /** Says that the texts are other ones from now on. */
  renewTexts(): void {
    this.areTextsNew = true;
    this.textBlockCount = 0;
  }

  /** Words of the texts. */
  get textWords(): number {
    return wordsOfBytes(this.low.byteLength) + wordsOfBytes(this.high.byteLength) +
      wordsOfBytes(this.prefix.byteLength);
  }

  /** Whether the texts need blocks of their own. */
  get hasLongTexts(): boolean {
    return this.textWords > INLINE_TEXT_WORDS;
  }

  /** Entries for which there is room beside the texts. */
  get room(): number {
    return roomBeside(this.textWords);
  }

  /** Entries for which there is room with other fences. */
  roomBetween(lowBytes: number, highBytes: number): number {
    const fences = wordsOfBytes(lowBytes) + wordsOfBytes(highBytes);
    return roomBeside(fences + wordsOfBytes(this.prefix.byteLength));
  }

  /** Writes the version to a block that this thread holds. */
  write(memory: OrderedMemory, block: number): void {
    const words = memory.regionOf(block);
    const at = memory.wordOf(block);
    words[at + BLOCK_KIND] = packKind(this.level, this.isFrozen, this.count);
    words[at + BLOCK_LENGTHS] = packLengths(this.low.byteLength, this.prefix.byteLength);
    words[at + BLOCK_HIGH_BYTES] = this.hasHigh ? this.high.byteLength : -1;
    words[at + BLOCK_NEXT] = this.next;
    words[at + BLOCK_TEXT_BLOCKS] = this.textBlockCount;
    const { entries } = this;
    const first = at + BLOCK_ENTRIES;
    const end = this.count * ENTRY_WORDS;
    for (let i = 0; i < end; i++) words[first + i] = entries[i];
    if (this.textBlockCount > 0) {
      const list = at + BLOCK_WORDS - TEXT_BLOCKS_MAX;
      for (let i = 0; i < this.textBlockCount; i++) words[list + i] = this.textBlocks[i];
      return;
    }
    let to = at + BLOCK_WORDS - this.textWords;
    to = copyText(this.low, words, to);
    to = copyText(this.high, words, to);
    copyText(this.prefix, words, to);
  }

  /** The texts as they stand in blocks of their own. */
  gatherTexts(): Int32Array {
    const texts = new Int32Array(this.textWords);
    copyText(this.prefix, texts, copyText(this.high, texts, copyText(this.low, texts, 0)));
    return texts;
  }

  /** Takes over entries of another version, with its prefix. */
  takeEntries(other: PageImage, from: number, to: number): void {
    this.count = to - from;
    this.prefix.copy(other.prefix);
    for (let i = from * ENTRY_WORDS, j = 0; i < to * ENTRY_WORDS; i++, j++) {
      this.entries[j] = other.entries[i];
    }
  }

  /**
   * Finds where the entry of a key is or belongs: negative, and one less, if it is not there. Makes
   * the prefix shorter if the key does not share it.
   */
  place(key: KeyText, value: number): number {
    this.share(key);
    const { words, start, byteLength } = key;
    const high = keySlice(words, start, byteLength, this.prefix.byteLength);
    const low = keySlice(words, start, byteLength, this.prefix.byteLength + 4);
    return this.placeOf(high, low, value);
  }

  /** The same for a key that has the prefix, by its slice. */
  placeOf(high: number, low: number, value: number): number {
    const { entries } = this;
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = middle * ENTRY_WORDS;
      const seenHigh = entries[at + ENTRY_HIGH];
      const seenLow = entries[at + ENTRY_LOW];
      const isBelow = seenHigh !== high
        ? seenHigh < high
        : seenLow !== low
        ? seenLow < low
        : entries[at + ENTRY_VALUE] < value;
      if (isBelow) from = middle + 1;
      else to = middle;
    }
    const at = from * ENTRY_WORDS;
    const isThere = from < this.count && entries[at + ENTRY_HIGH] === high &&
      entries[at + ENTRY_LOW] === low && entries[at + ENTRY_VALUE] === value;
    return isThere ? from : -1 - from;
  }

  /** Makes the prefix short enough for a key. */
  share({ words, start, byteLength }: KeyText): void {
    const { prefix } = this;
    const isShared =
      compareWithPrefix(words, start, byteLength, prefix.words, 0, prefix.byteLength) === 0;
    if (isShared) return;
    this.shorten(commonBytes(words, start, byteLength, prefix.words, 0, prefix.byteLength));
  }

  /** Adds the entry of a key that has the prefix. */
  insert(index: number, key: KeyText, value: number): void {
    const at = index * ENTRY_WORDS;
    this.entries.copyWithin(at + ENTRY_WORDS, at, this.count * ENTRY_WORDS);
    this.setSlice(index, key);
    this.entries[at + ENTRY_VALUE] = value;
    this.count += 1;
  }

  /** Gives an entry the slice of a key that has the prefix. */
  setSlice(index: number, { words, start, byteLength }: KeyText): void {
    const at = index * ENTRY_WORDS;
    this.entries[at + ENTRY_HIGH] = keySlice(words, start, byteLength, this.prefix.byteLength);
    this.entries[at + ENTRY_LOW] = keySlice(words, start, byteLength, this.prefix.byteLength + 4);
  }

  /** Whether the fences contain a key. */
  hasWithinFences({ words, start, byteLength }: KeyText): boolean {
    const { low, high } = this;
    return compareKeys(words, start, byteLength, low.words, 0, low.byteLength) >= 0 &&
      (!this.hasHigh || compareKeys(words, start, byteLength, high.words, 0, high.byteLength) < 0);
  }

  /** Removes an entry. */
  remove(index: number): void {
    const at = index * ENTRY_WORDS;
    this.entries.copyWithin(at, at + ENTRY_WORDS, this.count * ENTRY_WORDS);
    this.count -= 1;
  }

  /** Value of an entry. */
  valueOf(index: number): number {
    return this.entries[index * ENTRY_WORDS + ENTRY_VALUE];
  }

  /** Puts another child in the place of one. */
  setChild(index: number, page: number): void {
    this.entries[index * ENTRY_WORDS + ENTRY_VALUE] = page;
  }

  /** Whether the slices of two entries are the same. */
  isTied(a: number, b: number): boolean {
    return this.commonOf(a, b) === SLICE_BYTES;
  }

  /** Bytes that the slices of two entries have in common. */
  commonOf(a: number, b: number): number {
    const { entries } = this;
    const i = a * ENTRY_WORDS;
    const j = b * ENTRY_WORDS;
    return commonSliceBytes(
      entries[i + ENTRY_HIGH],
      entries[i + ENTRY_LOW],
      entries[j + ENTRY_HIGH],
      entries[j + ENTRY_LOW],
    );
  }

  /**
   * Makes the prefix shorter; slices get the bytes that it loses, and lose their last ones. Entries
   * whose slices are the same now are sorted by their values.
   */
  shorten(byteLength: number): void {
    const { prefix, entries } = this;
    const lost = prefix.byteLength - byteLength;
    const high = keySlice(prefix.words, 0, prefix.byteLength, byteLength);
    const low = keySlice(prefix.words, 0, prefix.byteLength, byteLength + 4);
    prefix.truncate(byteLength);
    this.renewTexts();
    for (let i = this.firstSlice; i < this.count; i++) {
      const at = i * ENTRY_WORDS;
      const oldHigh = entries[at + ENTRY_HIGH];
      const oldLow = entries[at + ENTRY_LOW];
      if (lost >= SLICE_BYTES) {
        entries[at + ENTRY_HIGH] = high;
        entries[at + ENTRY_LOW] = low;
      } else if (lost >= 4) {
        entries[at + ENTRY_HIGH] = high;
        entries[at + ENTRY_LOW] = joinSlices(low, oldHigh, lost - 4);
      } else {
        entries[at + ENTRY_HIGH] = joinSlices(high, oldHigh, lost);
        entries[at + ENTRY_LOW] = sliceBetween(oldHigh, oldLow, 4 - lost);
      }
    }
    if (this.level === 0) this.#sortTies();
  }

  /** The first entry that has a slice. */
  get firstSlice(): number {
    return this.level === 0 ? 0 : 1;
  }

  /** Sorts by value what is sorted by slice; of two entries that are the same one stays. */
  #sortTies(): void {
    const { entries } = this;
    const old = entries.slice(0, this.count * ENTRY_WORDS);
    const end = this.count;
    this.count = 0;
    for (let i = 0; i < end; i++) {
      const at = i * ENTRY_WORDS;
      const value = old[at + ENTRY_VALUE];
      const place = this.placeOf(old[at + ENTRY_HIGH], old[at + ENTRY_LOW], value);
      if (place >= 0) continue;
      const to = (-1 - place) * ENTRY_WORDS;
      entries.copyWithin(to + ENTRY_WORDS, to, this.count * ENTRY_WORDS);
      for (let word = 0; word < ENTRY_WORDS; word++) entries[to + word] = old[at + word];
      this.count += 1;
    }
  }
}

/** The first bytes of a slice, and behind them those of another one. */
function joinSlices(first: number, second: number, count: number): number {
  if (count === 0) return second;
  const mask = -1 << (32 - (count << 3));
  const SIGN = 0x80000000 | 0;
  return (((first ^ SIGN) & mask) | ((second ^ SIGN) >>> (count << 3))) ^ SIGN;
}

function copyText(text: KeyBuffer, words: Int32Array, to: number): number {
  const count = wordsOfBytes(text.byteLength);
  for (let i = 0; i < count; i++) words[to + i] = text.words[i];
  return to + count;
}
