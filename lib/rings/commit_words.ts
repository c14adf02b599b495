/**
 * Layout of an ATOMIC request: checks and changes of several keys that are made together or not at
 * all. Offsets in words.
 *
 * ```text
 *   request header     as of any request; the version's low word is the number of entries, and the
 *                      argument where they are staged in the pool, 0 if they are in the request
 *   record             without a key; its hash says the slot by whose owner word the request was
 *                      routed, the lowest of the commit; its length is that of all entries
 *   results            2 words for each entry: the version that the KN has given to the key, 0 for
 *                      one that it has not changed. Written before the answer is prepared
 *   entries            in the order of their slots, each key once: each is the request that its
 *                      change would be alone, a PUT, DELETE or ADD; or a PAD, for a check
 * ```
 *
 * The version's low word in the completion of a commit that was refused is the number of the entry
 * that it was refused for.
 *
 * @module
 */
import { copyWords } from "../core/copy_words.ts";
import {
  packMeta,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import {
  Condition,
  Operation,
  packOperation,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_LOW,
} from "./ring_layout.ts";

const NO_MEMORY = new Int32Array(0);
const HEAD_META = packMeta(0, RecordKind.PUT, 0);
const RESULTS = REQUEST_RECORD + recordWords(HEAD_META, 0);
const RESULT_WORDS = 2;
/** Words of a buffer for entries, at first: most commits have few keys, and small values. */
const BUFFER_WORDS = 256;

/**
 * Entries as they are collected, one behind the other. The memory of one commit is used again by
 * others.
 */
export class EntryBuffer {
  /** The same memory as words and as bytes. */
  words: Int32Array = new Int32Array(BUFFER_WORDS);
  bytes: Uint8Array = new Uint8Array(this.words.buffer);
  #end = 0;

  /** Makes room for an entry of so many words; returns where it begins. */
  claim(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.words.length) {
      const words = new Int32Array(2 * this.#end);
      words.set(this.words.subarray(0, at));
      this.words = words;
      this.bytes = new Uint8Array(words.buffer);
    }
    this.words[at + REQUEST_LENGTH] = length;
    return at;
  }

  /** Lets go of all entries. */
  clear(): void {
    this.#end = 0;
  }
}

/** Where an entry begins in its buffer. */
export interface EntryPlace {
  readonly at: number;
}

/** Number of entries of the request at an index of a ring. */
export function entryCount(ring: Int32Array, at: number): number {
  return ring[at + REQUEST_VERSION_LOW];
}

/** Where the first entry of a commit begins whose own first word is that of the memory. */
export function firstEntry(words: Int32Array): number {
  return commitHeadWords(entryCount(words, 0));
}

/** Where the entry behind one begins; behind the last one that is the length of the commit. */
export function entryBehind(words: Int32Array, at: number): number {
  return at + words[at + REQUEST_LENGTH]!;
}

/** Words of a request in front of so many entries. */
export function commitHeadWords(count: number): number {
  return RESULTS + count * RESULT_WORDS;
}

/** Bytes that all entries take. */
export function entriesBytes(ring: Int32Array, at: number): number {
  return ring[at + REQUEST_RECORD + RECORD_VALUE_BYTES];
}

/**
 * Makes a request of its entries, which are in the order of their slots.
 *
 * @param memory where it is made, if it is large enough
 * @returns the memory that it is in; its first word is its length
 */
export function commitRequest(
  { words: source }: EntryBuffer,
  entries: readonly EntryPlace[],
  mustSync: boolean,
  memory: Int32Array = NO_MEMORY,
): Int32Array {
  const headWords = commitHeadWords(entries.length);
  let length = headWords;
  for (let i = 0; i < entries.length; i++) length += source[entries[i]!.at + REQUEST_LENGTH]!;
  const words = length <= memory.length ? memory : new Int32Array(length);
  for (let i = 0; i < headWords; i++) words[i] = 0;
  let next = headWords;
  for (let i = 0; i < entries.length; i++) {
    const { at } = entries[i]!;
    const entryWords = source[at + REQUEST_LENGTH]!;
    copyWords(source, at, words, next, entryWords);
    next += entryWords;
  }
  const first = headWords + REQUEST_RECORD;
  words[REQUEST_LENGTH] = length;
  words[REQUEST_OPERATION] = packOperation(Operation.ATOMIC, Condition.NONE, mustSync);
  words[REQUEST_VERSION_LOW] = entries.length;
  words[REQUEST_RECORD + RECORD_VALUE_BYTES] = (length - headWords) * 4;
  words[REQUEST_RECORD + RECORD_META] = HEAD_META;
  words[REQUEST_RECORD + RECORD_HASH] = words[first + RECORD_HASH]!;
  words[REQUEST_RECORD + RECORD_CLIENT] = words[first + RECORD_CLIENT]!;
  return words;
}

/** The results of a commit, as bytes: a view. */
export function resultsOf(ring: Int32Array, at: number): Uint8Array {
  const bytes = entryCount(ring, at) * RESULT_WORDS * 4;
  return new Uint8Array(ring.buffer, ring.byteOffset + (at + RESULTS) * 4, bytes);
}

/** Leaves the version that an entry's key has been given. */
export function leaveVersion(
  ring: Int32Array,
  at: number,
  entry: number,
  low: number,
  high: number,
): void {
  ring[at + RESULTS + entry * RESULT_WORDS] = low;
  ring[at + RESULTS + entry * RESULT_WORDS + 1] = high;
}

/** The version that an entry's key has been given; 0 if it was not changed. */
export function versionLeft(ring: Int32Array, at: number, entry: number): number {
  const low = ring[at + RESULTS + entry * RESULT_WORDS] >>> 0;
  return ring[at + RESULTS + entry * RESULT_WORDS + 1] * 2 ** 32 + low;
}
