/**
 * Keys with what is known of them, as bytes: what a call asks for, and what its items say. Offsets
 * in words, which are little-endian.
 *
 * ```text
 *   0  length of the entry, in words: even
 *   1  bytes of the key
 *   2  bytes of the value; -1 without one
 *   3  version, low and high word; 0 of a key that does not exist
 *   5  expiry, low and high word, in milliseconds since the epoch; 0 without one
 *   7  flags
 *   8  the key, and then the value: each padded with zeros to 8 bytes
 * ```
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import type { EncodedKey, StoredKey } from "../core/key_encoder.ts";
import { KEY_BYTES_MAX, VERSION_MAX } from "../core/limits.ts";
import { FrameError } from "./frame.ts";

const ENTRY_LENGTH = 0;
const ENTRY_KEY_BYTES = 1;
const ENTRY_VALUE_BYTES = 2;
const ENTRY_VERSION = 3;
const ENTRY_EXPIRY = 5;
const ENTRY_FLAGS = 7;
const ENTRY_KEY = 8;

const FLAG_BINARY = 1;
const FLAG_WANTED = 2;
const FLAG_GONE = 4;
const FLAGS = FLAG_BINARY | FLAG_WANTED | FLAG_GONE;

const NO_VALUE = -1;
/** Words that a list has room for, at first. */
const LIST_WORDS = 1024;
/** Expiry times are those that a date can have. */
const EXPIRY_MS_MAX = 8.64e15;

/** A key with what is known of it. */
export interface ListedEntry {
  readonly key: StoredKey;
  /** A view of the list; undefined without a value. */
  readonly value: Uint8Array | undefined;
  /** 0 if the key does not exist. */
  readonly version: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** Whether the value is asked for. */
  readonly isWanted: boolean;
  /** Of a change: whether the key is gone. */
  readonly isGone: boolean;
}

/** A key as words, the last of which is padded with zeros. */
export type ListedKey = Pick<EncodedKey, "words" | "byteLength" | "isBinary">;

/** What is said of a key beside its value. */
export interface EntryFacts {
  readonly version?: number;
  readonly expiresAtMs?: number;
  readonly isWanted?: boolean;
  readonly isGone?: boolean;
}

/** Makes a list. */
export class EntryListWriter {
  count = 0;
  #words = new Int32Array(LIST_WORDS);
  #bytes = new Uint8Array(this.#words.buffer);
  #end = 0;

  /** Bytes of the list. */
  get byteLength(): number {
    return this.#end * 4;
  }

  /** Adds an entry; all that is given is copied. */
  add(
    { words: key, byteLength, isBinary }: ListedKey,
    value: Uint8Array | undefined,
    { version = 0, expiresAtMs = Infinity, isWanted = false, isGone = false }: EntryFacts,
  ): void {
    const at = this.#claim(byteLength, value?.length ?? 0);
    const words = this.#words;
    words[at + ENTRY_KEY_BYTES] = byteLength;
    words[at + ENTRY_VALUE_BYTES] = value === undefined ? NO_VALUE : value.length;
    words[at + ENTRY_VERSION] = version | 0;
    words[at + ENTRY_VERSION + 1] = Math.floor(version / 2 ** 32);
    if (expiresAtMs !== Infinity) {
      words[at + ENTRY_EXPIRY] = expiresAtMs | 0;
      words[at + ENTRY_EXPIRY + 1] = Math.floor(expiresAtMs / 2 ** 32);
    }
    words[at + ENTRY_FLAGS] = (isBinary ? FLAG_BINARY : 0) | (isWanted ? FLAG_WANTED : 0) |
      (isGone ? FLAG_GONE : 0);
    const keyWords = (byteLength + 3) >>> 2;
    for (let i = 0; i < keyWords; i++) words[at + ENTRY_KEY + i] = key[i]!;
    if (value !== undefined) this.#bytes.set(value, valueAt(at, byteLength));
    this.count += 1;
  }

  /** The list, as a view that is valid until the next entry. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.byteLength);
  }

  #claim(keyBytes: number, valueBytes: number): number {
    const at = this.#end;
    const length = entryWords(keyBytes, valueBytes);
    this.#end += length;
    if (this.#end > this.#words.length) {
      const words = new Int32Array(2 * this.#end);
      words.set(this.#words.subarray(0, at));
      this.#words = words;
      this.#bytes = new Uint8Array(words.buffer);
    }
    this.#words[at + ENTRY_LENGTH] = length;
    return at;
  }
}

/**
 * Takes the entries of a list.
 *
 * @throws {FrameError} when it is none
 */
export function decodeEntries(bytes: Uint8Array): ListedEntry[] {
  if (bytes.length % 8 !== 0) throw new FrameError("a list must have whole entries");
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const entries: ListedEntry[] = [];
  for (let at = 0; at < words.length;) {
    const entry = decodeEntry(words, at);
    if (entry === undefined) throw new FrameError("an entry must have possible words");
    entries.push(entry);
    at += words[at + ENTRY_LENGTH]!;
  }
  return entries;
}

function decodeEntry(words: Int32Array, at: number): ListedEntry | undefined {
  if (words.length - at < ENTRY_KEY) return undefined;
  const length = words[at + ENTRY_LENGTH]!;
  const keyBytes = words[at + ENTRY_KEY_BYTES]!;
  const valueBytes = words[at + ENTRY_VALUE_BYTES]!;
  const flags = words[at + ENTRY_FLAGS]!;
  const version = wide(words, at + ENTRY_VERSION);
  const expiry = wide(words, at + ENTRY_EXPIRY);
  const isPossible = keyBytes >= 1 && keyBytes <= KEY_BYTES_MAX && valueBytes >= NO_VALUE &&
    valueBytes <= words.byteLength && length <= words.length - at &&
    length === entryWords(keyBytes, Math.max(0, valueBytes)) &&
    (flags & ~FLAGS) === 0 && version >= 0 && version <= VERSION_MAX &&
    expiry >= 0 && expiry <= EXPIRY_MS_MAX;
  if (!isPossible) return undefined;
  const all = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const key = all.subarray((at + ENTRY_KEY) * 4, (at + ENTRY_KEY) * 4 + keyBytes);
  const isBinary = (flags & FLAG_BINARY) !== 0;
  if (!isBinary && !isUtf8(key)) return undefined;
  const from = valueAt(at, keyBytes);
  return {
    key: { bytes: key, isBinary },
    value: valueBytes === NO_VALUE ? undefined : all.subarray(from, from + valueBytes),
    version,
    expiresAtMs: expiry === 0 ? Infinity : expiry,
    isWanted: (flags & FLAG_WANTED) !== 0,
    isGone: (flags & FLAG_GONE) !== 0,
  };
}

function wide(words: Int32Array, at: number): number {
  return words[at + 1]! * 2 ** 32 + (words[at]! >>> 0);
}

/** Words of so many bytes and their padding. */
function paddedWords(bytes: number): number {
  return ((bytes + 7) >>> 3) << 1;
}

function entryWords(keyBytes: number, valueBytes: number): number {
  return ENTRY_KEY + paddedWords(keyBytes) + paddedWords(valueBytes);
}

/** Where the value of an entry begins, in bytes. */
function valueAt(at: number, keyBytes: number): number {
  return (at + ENTRY_KEY + paddedWords(keyBytes)) * 4;
}
