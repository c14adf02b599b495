/**
 * Goes through the keys of a range in the order of their bytes, from any thread, without locks and
 * without writing anything shared (I6).
 *
 * It takes one leaf after the other: the entries within the bounds are copied, and belong to one
 * version of the leaf. What has been gone through is what the fences of these leaves contain,
 * without a gap and without an overlap, whatever is split or removed meanwhile: the next leaf is
 * that of the fence at which the last one has ended. So a key that is there all the time is seen
 * once. The hash index says whether the key of an entry exists; keys that a slice does not tell
 * apart are sorted.
 *
 * @module
 */
import { KEY_BYTES_MAX } from "../core/limits.ts";
import type { Pool } from "../pool/pool.ts";
import type { KeyBounds } from "./key_bounds.ts";
import { FoundKey, NO_VALUES } from "./found_key.ts";
import { KeyLookahead } from "./key_lookahead.ts";
import { commonSliceBytes, compareKeys, hasPrefixAndSlice, KeyBuffer } from "./key_order.ts";
import { KeyResolver } from "./key_resolver.ts";
import {
  ENTRIES_MAX,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  NO_PAGE,
} from "./page_layout.ts";
import { PageSpace } from "./page_space.ts";
import type { KeyText, PageView } from "./page_view.ts";
import { Side } from "./side.ts";
import { TreeWalk } from "./tree_walk.ts";

/** Bytes of a slice. */
const SLICE_BYTES = 8;
/** How many keys are looked for at one time, at most. */
const BATCH_MAX = 16;

/** One scan after the other; the fields describe the key that it is at. */
export class RangeCursor {
  /** The key, and where it was found. Valid until the next step. */
  key: FoundKey = new FoundKey();
  /**
   * Keys that were found at one time, in the order in which they are gone to: the first {@linkcode
   * foundCount} of these. The cursor is at the one whose number is {@linkcode foundAt}.
   */
  readonly found: FoundKey[] = [];
  foundCount = 0;
  foundAt = -1;
  /** Grows each time that others are found. */
  batch = 0;

  readonly #walk: TreeWalk;
  readonly #lookahead: KeyLookahead;
  readonly #resolver: KeyResolver;
  readonly #lower = new Bound();
  readonly #upper = new Bound();
  /** Of the leaf whose entries are gone through: the bounds of its keys that are in the range. */
  readonly #from = new Bound();
  readonly #to = new Bound();
  readonly #prefix = new KeyBuffer();
  /** The fence at which the leaf ends, in the direction of the scan. */
  readonly #edge = new KeyBuffer();
  readonly #entries = new Int32Array(ENTRIES_MAX * ENTRY_WORDS);
  #count = 0;
  /** Of the entries those whose slices alone tell that their keys are within the bounds. */
  #innerFirst = 0;
  #innerEnd = 0;
  /** The next entry. */
  #next = 0;
  #isReverse = false;
  /** How many keys are still wanted. */
  #wanted = 0;
  #valueBytesMax = NO_VALUES;
  #isAtEnd = true;

  /** Scans a pool that is ordered. */
  constructor(pool: Pool) {
    const { memory } = PageSpace.of(pool);
    this.#walk = new TreeWalk(memory);
    this.#lookahead = new KeyLookahead(pool, ENTRIES_MAX);
    this.#resolver = new KeyResolver(pool, memory);
  }

  /**
   * Begins a scan: {@linkcode next} goes to the first key of a range, or to the last one.
   *
   * @param wanted about how many keys will be gone to, from 1, so that no more is looked up ahead
   * @param valueBytesMax values up to so many bytes are copied with their keys; `NO_VALUES` for
   *   none
   */
  seek(
    bounds: KeyBounds,
    isReverse: boolean,
    wanted = Infinity,
    valueBytesMax: number = NO_VALUES,
  ): void {
    this.#wanted = wanted;
    this.#valueBytesMax = valueBytesMax;
    const { lower, lowerInclusive = true, upper, upperInclusive = false } = bounds;
    this.#lower.setBytes(lower ?? FIRST, lower === undefined || lowerInclusive);
    this.#upper.setBytes(upper ?? FIRST, upperInclusive);
    this.#upper.isUnbounded = upper === undefined;
    this.#isReverse = isReverse;
    this.#isAtEnd = this.#upper.excludesAbove(this.#lower);
    this.#count = this.#next = this.foundCount = 0;
    this.foundAt = -1;
    this.#from.copy(this.#lower);
    this.#to.copy(this.#upper);
    if (!this.#isAtEnd) this.#loadLeaf(NO_PAGE);
  }

  /** Goes to the next key; false at the end of the range. */
  next(): boolean {
    for (;;) {
      if (this.foundAt + 1 < this.foundCount) {
        this.key = this.found[++this.foundAt]!;
        return true;
      }
      if (this.#next < this.#count) this.#findKeys();
      else if (this.#isAtEnd) return false;
      else this.#loadNextLeaf();
    }
  }

  /** Goes on behind the leaf that was gone through. */
  #loadNextLeaf(): void {
    const { next } = this.#walk.view;
    if (this.#isReverse) {
      this.#to.copy(this.#from);
      this.#to.isInclusive = false;
      this.#from.copy(this.#lower);
      this.#loadLeaf(NO_PAGE);
    } else {
      this.#from.copy(this.#to);
      this.#from.isInclusive = true;
      this.#to.copy(this.#upper);
      this.#loadLeaf(next);
    }
  }

  /** Takes what the leaf at one end of what is left has within the bounds. */
  #loadLeaf(linked: number): void {
    const start = this.#isReverse ? this.#to.text : this.#from;
    const side = this.#isReverse && !this.#to.isInclusive ? Side.BELOW : Side.AT;
    // The link of a leaf that has not changed leads to the leaf that begins where it ends.
    let isFound = linked !== NO_PAGE && this.#walk.follow() &&
      this.#walk.view.compareLow(start) === 0;
    for (;;) {
      const view = isFound ? this.#walk.view : this.#walk.findLeaf(start, side);
      if (this.#copy(view)) return;
      isFound = false;
    }
  }

  /** Copies entries and fences of a leaf; false if it has changed meanwhile. */
  #copy(view: PageView): boolean {
    const first = firstEntry(view, this.#from);
    const end = endOfEntries(view, this.#to);
    this.#prefix.set(view.text, view.prefixAt, view.prefixBytes);
    const cut = this.#cutOf(view, first, end);
    const isCut = cut >= 0 && this.#setEdgeBefore(view, cut);
    const begin = isCut && this.#isReverse ? cut : first;
    const count = Math.max(0, (isCut && !this.#isReverse ? cut : end) - begin);
    const from = view.entryAt(begin);
    for (let i = 0; i < count * ENTRY_WORDS; i++) this.#entries[i] = view.words[from + i]!;
    const hasEdge = isCut || this.#setEdge(view);
    // Until then the bounds stay as they are: they are needed for another try.
    if (!view.isIntact) return false;
    const edge = this.#edge;
    this.#count = count;
    this.#next = 0;
    let innerFirst = 1;
    while (innerFirst < count && this.#isTied(0, innerFirst)) innerFirst += 1;
    let innerEnd = count - 1;
    while (innerEnd > innerFirst && this.#isTied(count - 1, innerEnd - 1)) innerEnd -= 1;
    this.#innerFirst = innerFirst;
    this.#innerEnd = innerEnd;
    this.#isAtEnd = !hasEdge ||
      (this.#isReverse ? this.#lower.excludesBelow(edge) : this.#upper.isBelow(edge));
    if (this.#isAtEnd) return true;
    if (this.#isReverse) this.#from.setText(edge, true);
    else this.#to.setText(edge, false);
    return true;
  }

  /**
   * Where the entries of a leaf are divided because no more of them are wanted; -1 if they are not.
   * What slices cannot tell apart is not divided.
   */
  #cutOf(view: PageView, first: number, end: number): number {
    const wanted = this.#wanted;
    if (end - first <= wanted) return -1;
    const step = this.#isReverse ? -1 : 1;
    let cut = this.#isReverse ? end - wanted : first + wanted;
    while (cut > first && cut < end && commonBytesAt(view, cut) === SLICE_BYTES) cut += step;
    return cut > first && cut < end ? cut : -1;
  }

  /** Takes the fence at which a leaf ends; false if there is none. */
  #setEdge(view: PageView): boolean {
    const edge = this.#edge;
    const hasEdge = this.#isReverse ? view.lowBytes > 0 : view.highBytes >= 0;
    if (this.#isReverse) edge.set(view.text, view.textAt, view.lowBytes);
    else if (hasEdge) edge.set(view.text, view.highAt, view.highBytes);
    return hasEdge;
  }

  /**
   * Takes the shortest text that divides the keys of an entry from those before it; false if it is
   * not within the bounds. A scan backwards that has ended at that text, before keys that slices do
   * not tell apart, would end there again and again.
   */
  #setEdgeBefore(view: PageView, index: number): boolean {
    const at = view.entryAt(index);
    const { words } = view;
    this.#edge.copy(this.#prefix);
    const bytes = Math.min(SLICE_BYTES, commonBytesAt(view, index) + 1);
    this.#edge.append(words[at + ENTRY_HIGH], words[at + ENTRY_LOW], bytes);
    return !this.#to.isBelow(this.#edge);
  }

  /** Finds the keys of the next entries. */
  #findKeys(): void {
    const first = this.#next;
    const end = this.#batchEnd(first);
    const stride = this.#isReverse ? -ENTRY_WORDS : ENTRY_WORDS;
    const from = this.#entryAt(first) + ENTRY_VALUE;
    this.#lookahead.look(this.#entries, from, stride, end - first, this.#valueBytesMax);
    this.#wanted -= end - first;
    // Some keys were gone, or have expired.
    if (this.#wanted <= 0) this.#wanted = BATCH_MAX;
    this.#next = end;
    this.foundCount = 0;
    this.foundAt = -1;
    this.batch += 1;
    let isSorted = true;
    const entries = this.#entries;
    const lookahead = this.#lookahead;
    const { words: prefix, byteLength: prefixBytes } = this.#prefix;
    let at = this.#entryAt(first);
    let highBefore = 0;
    let lowBefore = 0;
    for (let index = first; index < end; index++, at += stride) {
      const count = this.foundCount;
      const high = entries[at + ENTRY_HIGH];
      const low = entries[at + ENTRY_LOW];
      if (lookahead.isFound(index - first)) {
        const key = lookahead.keys[index - first]!;
        const { words, byteLength } = key;
        const isOfEntry = hasPrefixAndSlice(words, byteLength, prefix, prefixBytes, high, low);
        if (isOfEntry && this.#isInBounds(index, key)) this.found[this.foundCount++] = key;
      } else this.#resolve(index, at);
      const isTied = index > first && low === lowBefore && high === highBefore;
      highBefore = high;
      lowBefore = low;
      if (isTied || this.foundCount > count + 1) isSorted = false;
    }
    if (!isSorted) this.#sort();
  }

  /** Entries that have the same slice are not divided: their keys are in no order. */
  #batchEnd(first: number): number {
    let end = Math.min(this.#count, first + Math.min(BATCH_MAX, this.#wanted));
    while (end < this.#count && this.#isTied(end - 1, end)) end += 1;
    return end;
  }

  #sort(): void {
    const sign = this.#isReverse ? -1 : 1;
    const keys = this.found.slice(0, this.foundCount).sort((a, b) => sign * compareTexts(a, b));
    for (let i = 0; i < keys.length; i++) this.found[i] = keys[i]!;
  }

  /** Adds the keys of an entry that are not to be seen at one glance. */
  #resolve(index: number, at: number): void {
    const resolver = this.#resolver;
    const found = resolver.find(this.#entries[at + ENTRY_VALUE]!);
    for (let i = 0; i < found; i++) {
      const other = resolver.found[i]!;
      if (!this.#isOfEntry(at, other) || !this.#isInBounds(index, other)) continue;
      const key = new FoundKey();
      key.take(other);
      this.found[this.foundCount++] = key;
    }
  }

  /** Whether a key is one of an entry. */
  #isOfEntry(at: number, { words, byteLength }: FoundKey): boolean {
    const { words: prefix, byteLength: prefixBytes } = this.#prefix;
    const high = this.#entries[at + ENTRY_HIGH];
    const low = this.#entries[at + ENTRY_LOW];
    return hasPrefixAndSlice(words, byteLength, prefix, prefixBytes, high, low);
  }

  /** Whether a key of an entry is within the bounds. */
  #isInBounds(index: number, key: FoundKey): boolean {
    return (index >= this.#innerFirst && index < this.#innerEnd) ||
      !(this.#from.isAbove(key) || this.#to.isBelow(key));
  }

  #isTied(a: number, b: number): boolean {
    const i = this.#entryAt(a);
    const j = this.#entryAt(b);
    const entries = this.#entries;
    return entries[i + ENTRY_HIGH] === entries[j + ENTRY_HIGH] &&
      entries[i + ENTRY_LOW] === entries[j + ENTRY_LOW];
  }

  /** Index of an entry, in the order in which they are gone through. */
  #entryAt(index: number): number {
    return (this.#isReverse ? this.#count - 1 - index : index) * ENTRY_WORDS;
  }
}

/** One end of a range. */
class Bound extends KeyBuffer {
  isInclusive = true;
  /** As an upper bound: there is none. */
  isUnbounded = false;

  setBytes(bytes: Uint8Array, isInclusive: boolean): void {
    this.setRaw(bytes);
    this.isInclusive = isInclusive;
  }

  setText(text: KeyText, isInclusive: boolean): void {
    this.set(text.words, text.start, text.byteLength);
    this.isInclusive = isInclusive;
    this.isUnbounded = false;
  }

  override copy(other: Bound): void {
    super.copy(other);
    this.isInclusive = other.isInclusive;
    this.isUnbounded = other.isUnbounded;
  }

  /** A text that is not below any key in the range. */
  get text(): KeyText {
    return this.isUnbounded ? LAST : this;
  }

  /** As a lower bound: whether it leaves a key out. */
  isAbove(key: KeyText): boolean {
    const order = compareTexts(this, key);
    return order > 0 || (order === 0 && !this.isInclusive);
  }

  /** As an upper bound: whether it leaves a key out, or a fence and so all keys from there on. */
  isBelow(key: KeyText): boolean {
    if (this.isUnbounded) return false;
    const order = compareTexts(this, key);
    return order < 0 || (order === 0 && !this.isInclusive);
  }

  /** As an upper bound: whether it leaves out all that a lower one does not. */
  excludesAbove(lower: Bound): boolean {
    if (this.isUnbounded) return false;
    const order = compareTexts(this, lower);
    return order < 0 || (order === 0 && !(this.isInclusive && lower.isInclusive));
  }

  /** As a lower bound: whether it leaves out all keys below a fence. */
  excludesBelow(fence: KeyText): boolean {
    return compareTexts(this, fence) >= 0;
  }
}

/** How many bytes the slices of an entry and of the one before it have in common. */
function commonBytesAt(view: PageView, index: number): number {
  const { words } = view;
  const a = view.entryAt(index - 1);
  const b = view.entryAt(index);
  return commonSliceBytes(
    words[a + ENTRY_HIGH],
    words[a + ENTRY_LOW],
    words[b + ENTRY_HIGH],
    words[b + ENTRY_LOW],
  );
}

/** The first entry whose key may be at or above a bound. */
function firstEntry(view: PageView, bound: KeyText): number {
  const order = view.comparePrefix(bound);
  if (order !== 0) return order < 0 ? 0 : view.count;
  return view.lowerBound(bound, 0);
}

/** The entry behind the last one whose key may be at or below a bound. */
function endOfEntries(view: PageView, bound: Bound): number {
  if (bound.isUnbounded) return view.count;
  const order = view.comparePrefix(bound);
  if (order !== 0) return order < 0 ? 0 : view.count;
  let index = view.lowerBound(bound, 0);
  while (index < view.count && view.hasSlice(index, bound)) index += 1;
  return index;
}

function compareTexts(a: KeyText, b: KeyText): number {
  return compareKeys(a.words, a.start, a.byteLength, b.words, b.start, b.byteLength);
}

const FIRST = new Uint8Array(0);
/** No key is above this one. */
const LAST: KeyText = {
  words: new Int32Array(KEY_BYTES_MAX / 4).fill(-1),
  start: 0,
  byteLength: KEY_BYTES_MAX,
};
