/**
 * Guesses which leaf a key belongs to.
 *
 * Everything above the leaves is a hint (docs/protocols/ordered.md): on whatever way a leaf was
 * found, it is that of a key if its fences contain the key. So the way down is not confirmed: no
 * version, no generation and no fence of an inner page is looked at, and words are loaded by plain
 * loads. A page that changes meanwhile, a link that has no entry above it yet, texts in blocks of
 * their own, and slices that do not tell children apart, lead to another leaf, or to a page that is
 * none. Who asks notices, as the leaf says itself whether it is that of the key, and searches then.
 *
 * @module
 */
import { compareWithPrefix, keySlice, wordsOfBytes } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import {
  BLOCK_ENTRIES,
  BLOCK_KIND,
  BLOCK_LENGTHS,
  BLOCK_WORDS,
  ENTRY_HIGH,
  ENTRY_LOW,
  ENTRY_VALUE,
  ENTRY_WORDS,
  kindCount,
  kindLevel,
  lengthOfPrefix,
  NO_PAGE,
  ROOT_PAGE,
} from "./page_layout.ts";
import type { KeyText } from "./page_view.ts";
import { Side } from "./side.ts";

/**
 * The number of a page that may be the leaf of a key; `NO_PAGE`, or any other one, if the pages
 * above it change just now.
 *
 * @param isAhead whether all lines of a page are looked at before it is searched: readers of a
 *   large tree save a tenth of a short range by that, while inserts take two hundredths more time
 */
export function guessLeaf(
  memory: OrderedMemory,
  key: KeyText,
  side: Side,
  isAhead = false,
): number {
  let page: number = ROOT_PAGE;
  for (let above = Infinity;;) {
    const word = memory.peekPage(page);
    if (word < 0) return NO_PAGE;
    if (isAhead) memory.touch(word);
    const words = memory.regionOf(word);
    const at = memory.wordOf(word);
    const level = kindLevel(words[at + BLOCK_KIND]);
    // What is torn may say anything: each step leads down, so that they end.
    if (level >= above) return NO_PAGE;
    if (level === 0) return page;
    page = guessChild(words, at, key, side);
    if (level === 1) return page;
    above = level;
  }
}

/** The child of an inner page to which its slices lead for a key. */
function guessChild(
  words: Int32Array,
  at: number,
  { words: key, start, byteLength }: KeyText,
  side: Side,
): number {
  const prefixBytes = lengthOfPrefix(words[at + BLOCK_LENGTHS]);
  const prefixAt = at + BLOCK_WORDS - wordsOfBytes(prefixBytes);
  const order = compareWithPrefix(key, start, byteLength, words, prefixAt, prefixBytes);
  const count = kindCount(words[at + BLOCK_KIND]);
  // The first child has no slice.
  let from = order > 0 ? count : 1;
  let to = order < 0 ? 1 : count;
  const high = keySlice(key, start, byteLength, prefixBytes);
  const low = keySlice(key, start, byteLength, prefixBytes + 4);
  const first = at + BLOCK_ENTRIES;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const entry = first + middle * ENTRY_WORDS;
    const seenHigh = words[entry + ENTRY_HIGH];
    const seenLow = words[entry + ENTRY_LOW];
    const isBefore = seenHigh < high ||
      (seenHigh === high && (seenLow < low || (seenLow === low && side === Side.AT)));
    if (isBefore) from = middle + 1;
    else to = middle;
  }
  return words[first + (from - 1) * ENTRY_WORDS + ENTRY_VALUE];
}
