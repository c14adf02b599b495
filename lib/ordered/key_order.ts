/**
 * The order of keys: that of their bytes, a key before those that it begins.
 *
 * Keys are words of four bytes, the first byte in the lowest bits, and zeros behind the last byte
 * (core/key_encoder.ts). Two words are compared by the lowest byte in which they differ. A slice is
 * the other way round, so that comparing two of them is comparing two numbers.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { metaKeyBytes, RECORD_KEY, RECORD_META } from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** Turns the order of unsigned words into that of signed ones. */
const SIGN = 0x80000000 | 0;

/** Words of so many bytes. */
export function wordsOfBytes(byteLength: number): number {
  return (byteLength + 3) >>> 2;
}

/** Compares two words that differ. */
function orderOfWords(a: number, b: number): number {
  const difference = a ^ b;
  const shift = (31 - Math.clz32(difference & -difference)) & ~7;
  return ((a >>> shift) & 0xff) - ((b >>> shift) & 0xff);
}

/** Compares two keys: negative, 0 or positive. */
export function compareKeys(
  a: Int32Array,
  aAt: number,
  aBytes: number,
  b: Int32Array,
  bAt: number,
  bBytes: number,
): number {
  const count = wordsOfBytes(aBytes < bBytes ? aBytes : bBytes);
  for (let i = 0; i < count; i++) {
    const x = a[aAt + i];
    const y = b[bAt + i];
    if (x !== y) return orderOfWords(x, y);
  }
  return aBytes - bBytes;
}

/**
 * Compares a key with all keys that begin with a prefix: negative if it comes before them, positive
 * if after, 0 if it is one of them.
 */
export function compareWithPrefix(
  key: Int32Array,
  keyAt: number,
  keyBytes: number,
  prefix: Int32Array,
  prefixAt: number,
  prefixBytes: number,
): number {
  const bytes = keyBytes < prefixBytes ? keyBytes : prefixBytes;
  const whole = bytes >>> 2;
  for (let i = 0; i < whole; i++) {
    const x = key[keyAt + i];
    const y = prefix[prefixAt + i];
    if (x !== y) return orderOfWords(x, y);
  }
  if ((bytes & 3) !== 0) {
    const mask = (1 << ((bytes & 3) << 3)) - 1;
    const x = key[keyAt + whole] & mask;
    const y = prefix[prefixAt + whole] & mask;
    if (x !== y) return orderOfWords(x, y);
  }
  return keyBytes < prefixBytes ? -1 : 0;
}

/** Whether a key begins with a prefix; both begin at the first word. */
export function hasPrefix(
  key: Int32Array,
  keyBytes: number,
  prefix: Int32Array,
  prefixBytes: number,
): boolean {
  if (keyBytes < prefixBytes) return false;
  const whole = prefixBytes >>> 2;
  for (let i = 0; i < whole; i++) if (key[i] !== prefix[i]) return false;
  const rest = prefixBytes & 3;
  return rest === 0 || ((key[whole] ^ prefix[whole]) & ((1 << (rest << 3)) - 1)) === 0;
}

/** Whether a key begins with a prefix, and has the two halves of a slice behind it. */
export function hasPrefixAndSlice(
  key: Int32Array,
  keyBytes: number,
  prefix: Int32Array,
  prefixBytes: number,
  high: number,
  low: number,
): boolean {
  return hasPrefix(key, keyBytes, prefix, prefixBytes) &&
    keySlice(key, 0, keyBytes, prefixBytes) === high &&
    keySlice(key, 0, keyBytes, prefixBytes + 4) === low;
}

/** How many bytes two keys have in common at their beginnings. */
export function commonBytes(
  a: Int32Array,
  aAt: number,
  aBytes: number,
  b: Int32Array,
  bAt: number,
  bBytes: number,
): number {
  const bytes = aBytes < bBytes ? aBytes : bBytes;
  const count = wordsOfBytes(bytes);
  for (let i = 0; i < count; i++) {
    const difference = a[aAt + i] ^ b[bAt + i];
    if (difference === 0) continue;
    const common = 4 * i + ((31 - Math.clz32(difference & -difference)) >>> 3);
    return common < bytes ? common : bytes;
  }
  return bytes;
}

/**
 * Four bytes of a key as a number whose order, as a signed one, is that of the bytes; zeros behind
 * the end of the key.
 *
 * @param offset of the first byte
 */
export function keySlice(
  words: Int32Array,
  start: number,
  byteLength: number,
  offset: number,
): number {
  const left = byteLength - offset;
  if (left <= 0) return SIGN;
  const at = start + (offset >>> 2);
  const shift = (offset & 3) << 3;
  let word = words[at];
  if (shift !== 0) {
    word >>>= shift;
    // The last word of a key has zeros behind it; the next one is of something else.
    if (left > 4 - (offset & 3)) word |= words[at + 1] << (32 - shift);
  }
  return swapBytes(word) ^ SIGN;
}

/** The bytes of a slice as a word of a key. */
export function wordOfSlice(slice: number): number {
  return swapBytes(slice ^ SIGN);
}

/** How many bytes of 8 two pairs of slices have in common. */
export function commonSliceBytes(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const high = aHigh ^ bHigh;
  if (high !== 0) return Math.clz32(high) >>> 3;
  return 4 + (Math.clz32(aLow ^ bLow) >>> 3);
}

/**
 * Four bytes, from an offset on, of twelve.
 *
 * @param offset 0 to 4
 */
export function sliceBetween(first: number, second: number, offset: number): number {
  const shift = offset << 3;
  if (shift === 0) return first;
  if (shift === 32) return second;
  return (((first ^ SIGN) << shift) | ((second ^ SIGN) >>> (32 - shift))) ^ SIGN;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Compares the keys of two records. */
export function compareRecordKeys(pool: Pool, a: PoolAddress, b: PoolAddress): number {
  const aWords = pool.wordsOf(a);
  const bWords = pool.wordsOf(b);
  const aAt = pool.wordAt(a);
  const bAt = pool.wordAt(b);
  return compareKeys(
    aWords,
    aAt + RECORD_KEY,
    metaKeyBytes(aWords[aAt + RECORD_META]),
    bWords,
    bAt + RECORD_KEY,
    metaKeyBytes(bWords[bAt + RECORD_META]),
  );
}

/** Bytes of a key, a fence or a prefix in memory of this thread. */
export class KeyBuffer {
  words: Int32Array = new Int32Array(WORDS_FIRST);
  readonly start = 0;
  byteLength = 0;

  /** Takes over so many bytes from words. */
  set(words: Int32Array, start: number, byteLength: number): void {
    const count = wordsOfBytes(byteLength);
    if (count > this.words.length) this.words = new Int32Array(2 * count);
    const own = this.words;
    for (let i = 0; i < count; i++) own[i] = words[start + i];
    this.byteLength = byteLength;
    this.#clearPadding();
  }

  /** Takes over bytes. */
  setRaw(bytes: Uint8Array): void {
    const count = wordsOfBytes(bytes.length);
    if (count > this.words.length) this.words = new Int32Array(2 * count);
    const own = this.words;
    for (let i = 0; i < count; i++) own[i] = 0;
    for (let i = 0; i < bytes.length; i++) own[i >>> 2]! |= bytes[i]! << ((i & 3) << 3);
    this.byteLength = bytes.length;
  }

  /** Takes over another one's bytes. */
  copy(other: KeyBuffer): void {
    this.set(other.words, 0, other.byteLength);
  }

  /** Keeps the first bytes only. */
  truncate(byteLength: number): void {
    this.byteLength = byteLength;
    this.#clearPadding();
  }

  /** Appends bytes of a slice, given as its two halves. */
  append(high: number, low: number, count: number): void {
    const needed = wordsOfBytes(this.byteLength + count);
    if (needed > this.words.length) {
      const longer = new Int32Array(2 * needed);
      longer.set(this.words);
      this.words = longer;
    }
    for (let i = 0; i < count; i++) {
      const half = (i < 4 ? high : low) ^ SIGN;
      const byte = (half >>> (24 - ((i & 3) << 3))) & 0xff;
      const at = this.byteLength++;
      if ((at & 3) === 0) this.words[at >>> 2] = byte;
      else this.words[at >>> 2] |= byte << ((at & 3) << 3);
    }
  }

  #clearPadding(): void {
    const rest = this.byteLength & 3;
    if (rest !== 0) this.words[this.byteLength >>> 2] &= (1 << (rest << 3)) - 1;
  }
}

const WORDS_FIRST = 32;
