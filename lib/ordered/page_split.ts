/**
 * Divides a page that has become too full, and finds longer prefixes.
 *
 * A leaf is divided where the slices of two neighbours differ: the separator follows from them, and
 * no record is looked at. A prefix is made longer only when slices have become poor: then the keys
 * are fetched from the records that the hash index leads to. Entries whose keys are gone are
 * dropped then. Pages that are filled at one end are divided there, and stay full.
 *
 * @module
 */
import { commonBytes, compareKeys, compareWithPrefix, KeyBuffer, keySlice } from "./key_order.ts";
import type { KeyResolver } from "./key_resolver.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import type { PageImage } from "./page_image.ts";
import {
  ENTRIES_MAX,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  LOWEST_SLICE,
} from "./page_layout.ts";
import { type KeyText, PageView } from "./page_view.ts";

/**
 * Slices of a half are poor, and the keys are fetched, if all of them have so many bytes in common,
 * and one entry of so many has the slice of the one before it.
 */
const POOR_BYTES = 4;
const POOR_SHARE = 8;
/** Entries that fit beside the longest texts which are not in blocks of their own. */
const SAFE_ENTRIES = 62;

/** Places near the end of a page at which it may be divided if it is filled there. */
const END_TRIES = 4;

/** What became of a page that was too full. */
export const Division = {
  /** It is in two images. */
  HALVES: 0,
  /** It has room, as keys of entries are gone; nothing is in the other image. */
  WHOLE: 1,
  /** It has changed meanwhile. */
  LOST: 2,
} as const;
/** One of {@linkcode Division}. */
export type Division = typeof Division[keyof typeof Division];

/** A key, and the value of its entry. */
class ValuedKey extends KeyBuffer {
  value = 0;
}

/** Divides pages for one thread. */
export class PageSplit {
  readonly #resolver: KeyResolver;
  readonly #entriesMax: number;
  readonly #memory: OrderedMemory;
  readonly #child: PageView;
  readonly #separator = new KeyBuffer();
  /** Keys of a page: the first {@linkcode #count} of these. */
  readonly #keys: ValuedKey[] = [];
  #count = 0;

  /** Divides pages of so many entries at most. */
  constructor(memory: OrderedMemory, resolver: KeyResolver, entriesMax: number) {
    this.#memory = memory;
    this.#resolver = resolver;
    this.#entriesMax = entriesMax;
    this.#child = new PageView(memory);
  }

  /**
   * Moves the upper entries of an image to another one.
   *
   * @param added which entry is new; -1 if none is
   * @param key of that entry, in a leaf
   */
  divide(left: PageImage, right: PageImage, added: number, key: KeyText): Division {
    right.reset(left.level);
    if (left.level > 0) return this.#divideInner(left, right, added);
    const boundary = this.#boundary(left, added);
    if (boundary === 0) return this.#divideByKeys(left, right, key);
    const at = boundary * ENTRY_WORDS;
    const common = left.commonOf(boundary - 1, boundary);
    // The shortest text that is above the entry before, and not above the entry.
    this.#separator.copy(left.prefix);
    this.#separator.append(
      left.entries[at + ENTRY_HIGH],
      left.entries[at + ENTRY_LOW],
      common + 1,
    );
    this.#move(left, right, boundary);
    this.#enrich(left);
    if (right.count === 1 && added === boundary) beginLike(right, left.prefix.byteLength, key);
    else this.#enrich(right);
    return Division.HALVES;
  }

  /** Makes the prefix of an inner page longer if slices do not tell its children apart. */
  sharpen(image: PageImage): boolean {
    let isPoor = false;
    for (let i = 2; i < image.count; i++) if (image.isTied(i - 1, i)) isPoor = true;
    if (!isPoor) return true;
    this.#count = 0;
    for (let i = 1; i < image.count; i++) {
      if (!this.#copyLow(image.valueOf(i), this.#nextKey(image.valueOf(i)))) return false;
    }
    const prefixBytes = this.#commonPrefix(0, this.#count);
    if (prefixBytes <= image.prefix.byteLength) return true;
    image.prefix.copy(this.#keys[0]!);
    image.prefix.truncate(prefixBytes);
    image.renewTexts();
    for (let i = 1; i < image.count; i++) image.setSlice(i, this.#keys[i - 1]!);
    return true;
  }

  #divideInner(left: PageImage, right: PageImage, added: number): Division {
    const boundary = this.#boundary(left, added);
    if (!this.#copyLow(left.valueOf(boundary), this.#separator)) return Division.LOST;
    this.#move(left, right, boundary);
    right.entries[ENTRY_HIGH] = right.entries[ENTRY_LOW] = LOWEST_SLICE;
    return this.sharpen(left) && this.sharpen(right) ? Division.HALVES : Division.LOST;
  }

  /** Moves entries from one on, which begin with the separator. */
  #move(left: PageImage, right: PageImage, boundary: number): void {
    right.takeEntries(left, boundary, left.count);
    left.count = boundary;
    this.#separate(left, right);
  }

  #separate(left: PageImage, right: PageImage): void {
    right.next = left.next;
    right.hasHigh = left.hasHigh;
    right.high.copy(left.high);
    right.low.copy(this.#separator);
    left.hasHigh = true;
    left.high.copy(this.#separator);
    left.renewTexts();
  }

  /** Divides a leaf whose slices do not say where. */
  #divideByKeys(left: PageImage, right: PageImage, added: KeyText): Division {
    this.#fetch(left);
    const keys = this.#keys.slice(0, this.#count).sort(compareTexts);
    keys.forEach((key, i) => this.#keys[i] = key);
    if (keys.length <= Math.min(SAFE_ENTRIES, this.#entriesMax)) {
      this.#build(left, 0, keys.length);
      return Division.WHOLE;
    }
    const last = keys.length - 1;
    const isLast = compareTexts(keys[last]!, added) === 0;
    const boundary = isLast && last <= SAFE_ENTRIES ? last : keys.length >>> 1;
    const common = commonOfTexts(keys[boundary - 1]!, keys[boundary]!);
    this.#separator.copy(keys[boundary]!);
    this.#separator.truncate(common + 1);
    this.#separate(left, right);
    this.#build(left, 0, boundary);
    this.#build(right, boundary, keys.length);
    if (boundary === last) beginLike(right, left.prefix.byteLength, keys[last]!);
    return Division.HALVES;
  }

  /** Where to divide a page: the right half begins with that entry; 0 if slices do not say. */
  #boundary(image: PageImage, added: number): number {
    const last = image.count - 1;
    for (let index = last; added === last && index > last - END_TRIES; index--) {
      if (index > 0 && this.#canEndAt(image, index)) return index;
    }
    if (added === 0 && this.#canEndAt(image, 1)) return 1;
    const middle = image.count >>> 1;
    for (let distance = 0; distance < image.count; distance++) {
      const [below, above] = [middle - distance, middle + distance];
      if (below >= 1 && this.#canEndAt(image, below)) return below;
      if (above <= last && this.#canEndAt(image, above)) return above;
    }
    return 0;
  }

  /** Whether two pages can meet in front of an entry, and both have room. */
  #canEndAt(image: PageImage, index: number): boolean {
    const isLeaf = image.level === 0;
    if (isLeaf && image.isTied(index - 1, index)) return false;
    const rest = image.count - index;
    if (index > this.#entriesMax || rest > this.#entriesMax) return false;
    if (index <= SAFE_ENTRIES && rest <= SAFE_ENTRIES) return true;
    if (!isLeaf) return false;
    const separatorBytes = image.prefix.byteLength + image.commonOf(index - 1, index) + 1;
    return index <= image.roomBetween(image.low.byteLength, separatorBytes) &&
      rest <= image.roomBetween(separatorBytes, image.high.byteLength);
  }

  /** Makes the prefix of a half longer if its slices have too much in common. */
  #enrich(image: PageImage): void {
    if (!isPoor(image)) return;
    this.#fetch(image);
    // Nothing is gained if the longer prefix, or keys that one entry has stood for, need more room.
    if (this.#count <= SAFE_ENTRIES) this.#build(image, 0, this.#count);
  }

  /** Fetches the keys of a leaf's entries. */
  #fetch(image: PageImage): void {
    this.#count = 0;
    const resolver = this.#resolver;
    const { prefix, entries } = image;
    for (let i = 0; i < image.count; i++) {
      const at = i * ENTRY_WORDS;
      const hash = entries[at + ENTRY_VALUE]!;
      const found = resolver.findWithAnnounced(hash);
      for (let j = 0; j < found; j++) {
        const key = resolver.found[j]!;
        const { words, byteLength } = key;
        const isOfEntry =
          compareWithPrefix(words, 0, byteLength, prefix.words, 0, prefix.byteLength) === 0 &&
          keySlice(words, 0, byteLength, prefix.byteLength) === entries[at + ENTRY_HIGH] &&
          keySlice(words, 0, byteLength, prefix.byteLength + 4) === entries[at + ENTRY_LOW];
        if (isOfEntry && image.hasWithinFences(key)) this.#nextKey(hash).copy(key);
      }
    }
  }

  /** Fills a leaf with some of the keys. */
  #build(image: PageImage, from: number, to: number): void {
    image.count = 0;
    image.renewTexts();
    if (from === to) return;
    image.prefix.copy(this.#keys[from]!);
    image.prefix.truncate(this.#commonPrefix(from, to));
    for (let i = from; i < to && image.count < ENTRIES_MAX + 1; i++) {
      const key = this.#keys[i]!;
      const place = image.place(key, key.value);
      if (place < 0) image.insert(-1 - place, key, key.value);
    }
  }

  #commonPrefix(from: number, to: number): number {
    const first = this.#keys[from]!;
    let common = first.byteLength;
    for (let i = from + 1; i < to; i++) {
      common = Math.min(common, commonOfTexts(first, this.#keys[i]!));
    }
    return common;
  }

  #nextKey(value: number): KeyBuffer {
    if (this.#count === this.#keys.length) this.#keys.push(new ValuedKey());
    const key = this.#keys[this.#count++]!;
    key.value = value;
    return key;
  }

  /** Copies the low fence of a child; false if it cannot be read now. */
  #copyLow(page: number, to: KeyBuffer): boolean {
    const child = this.#child;
    if (!child.begin(page, this.#memory.loadPage(page))) return false;
    to.set(child.text, child.textAt, child.lowBytes);
    return child.isIntact;
  }
}

/** Whether a longer prefix would tell entries of a leaf apart that have the same slice now. */
function isPoor(image: PageImage): boolean {
  if (image.count < 2 || image.commonOf(0, image.count - 1) < POOR_BYTES) return false;
  let tied = 0;
  for (let i = 1; i < image.count; i++) if (image.isTied(i - 1, i)) tied += 1;
  return tied * POOR_SHARE >= image.count;
}

/** A page of one key is the first of many like it. */
function beginLike(image: PageImage, prefixBytes: number, key: KeyText): void {
  image.prefix.set(key.words, key.start, Math.min(prefixBytes, key.byteLength));
  image.renewTexts();
  image.setSlice(0, key);
}

function compareTexts(a: KeyText, b: KeyText): number {
  return compareKeys(a.words, a.start, a.byteLength, b.words, b.start, b.byteLength);
}

function commonOfTexts(a: KeyText, b: KeyText): number {
  return commonBytes(a.words, a.start, a.byteLength, b.words, b.start, b.byteLength);
}
