/**
 * Memory for the keys of a cache: one array of words, in blocks of powers of two, with a list of
 * free blocks for each size. A typed array per key would take several times the key's own bytes.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";

/** Sizes of blocks: 1, 2, 4 ... 256 words. */
const CLASS_COUNT = Math.log2(KEY_BYTES_MAX / 4) + 1;
const WORDS_MIN = 64;
const NONE = -1;

assert(Number.isInteger(CLASS_COUNT), "the longest key fills the largest block");

/** Blocks of words. */
export class KeyArena {
  /** What the blocks are in; another array after `allocate` if it had to grow. */
  words: Int32Array = new Int32Array(WORDS_MIN);
  /** First free block of each size; its first word is the next one's index. */
  readonly #free: Int32Array = new Int32Array(CLASS_COUNT).fill(NONE);
  /** Words that have been handed out at least once. */
  #end = 0;

  /** Hands out a block for a key; returns the index of its first word. */
  allocate(byteLength: number): number {
    const sizeClass = classOf(byteLength);
    const at = this.#free[sizeClass];
    if (at !== NONE) {
      this.#free[sizeClass] = this.words[at];
      return at;
    }
    const start = this.#end;
    this.#end += 1 << sizeClass;
    if (this.#end > this.words.length) this.#grow();
    return start;
  }

  /** Takes the block of a key of that length back. */
  free(at: number, byteLength: number): void {
    const sizeClass = classOf(byteLength);
    this.words[at] = this.#free[sizeClass];
    this.#free[sizeClass] = at;
  }

  /** Forgets all blocks, and gives their memory back. */
  clear(): void {
    this.words = new Int32Array(WORDS_MIN);
    this.#free.fill(NONE);
    this.#end = 0;
  }

  #grow(): void {
    let length = this.words.length;
    while (length < this.#end) length *= 2;
    const words = new Int32Array(length);
    words.set(this.words);
    this.words = words;
  }
}

function classOf(byteLength: number): number {
  const wordCount = Math.max(1, (byteLength + 3) >>> 2);
  return 32 - Math.clz32(wordCount - 1);
}
