/**
 * Keys as words: a key is encoded once into a private scratch buffer, zero-padded to whole words,
 * and from there hashed, compared and copied a word at a time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as types from "node:util/types";
import { describe, InvalidKeyError } from "./errors.ts";
import { halfSipHash13 } from "./half_sip_hash.ts";
import { KEY_TYPE_NUMBERS } from "./key_types.ts";
import { KEY_BYTES_MAX } from "./limits.ts";

/**
 * What callers may use as a key: a well-formed string (stored as UTF-8) or bytes, 1 to 2048 bytes.
 */
export type Key = string | Uint8Array;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A key as it is stored. */
export interface StoredKey {
  readonly bytes: Uint8Array;
  /** Whether it was given as bytes rather than as a string. */
  readonly isBinary: boolean;
}

/** A stored key as the application has written it. */
export function keyOf({ bytes, isBinary }: StoredKey): Key {
  return isBinary ? bytes : decoder.decode(bytes);
}

/**
 * Whether short text is read faster by this code than by the runtime: on V8, where each call into
 * the runtime takes as long as reading some 40 characters.
 */
const READS_TEXT = !("Bun" in globalThis);
/** Text up to which that is so. */
const SHORT_TEXT_BYTES = 24;
/** Bytes up to which a loop copies a key faster than the runtime does. */
const LOOP_BYTES = 32;

/** Whether this machine stores the low byte first, as the pool's words and the image files do. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A key as words, the last one padded with zeros. */
export interface EncodedKey {
  readonly words: Int32Array;
  readonly byteLength: number;
  readonly isBinary: boolean;
  readonly hash: number;
}

/**
 * A `Buffer`, by which text is decoded much faster than by a `TextDecoder`. It has no other name in
 * the types of a store: an application needs none of Node for them.
 */
export interface TextBytes extends Uint8Array {
  toString(encoding?: "utf8" | "latin1", start?: number, end?: number): string;
}

/** An encoded key whose bytes are at the beginning of a buffer. */
export interface HeldKey extends EncodedKey {
  readonly buffer: TextBytes;
}

/** Encodes one key at a time; the result stays valid until the next call. */
export class KeyEncoder implements HeldKey {
  /** The key's bytes as little-endian words; the last word is padded with zeros. */
  readonly words: Int32Array = new Int32Array(KEY_BYTES_MAX / 4 + 1);
  /** Index of the key's first word. */
  readonly start = 0;
  /** Length of the key in bytes. */
  byteLength = 0;
  /** Whether the key was given as bytes rather than as a string. */
  isBinary = false;
  /** The key's hash under the pool's hash key. */
  hash = 0;

  /** The words as bytes. */
  readonly buffer: TextBytes;

  readonly #bytes: Uint8Array;
  readonly #key0: number;
  readonly #key1: number;
  readonly #types: number;

  /**
   * Makes an encoder for a pool's 64-bit hash key.
   *
   * @param types of the keys that it takes, one of `KEY_TYPE_NUMBERS`
   */
  constructor(key0: number, key1: number, types: number = KEY_TYPE_NUMBERS.mixed) {
    this.#types = types;
    this.#bytes = new Uint8Array(this.words.buffer);
    this.buffer = Buffer.from(this.words.buffer as ArrayBuffer);
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /**
   * Encodes and hashes a key.
   *
   * @returns the hash
   * @throws {InvalidKeyError} when it is not a key; the encoder then holds no key
   */
  encode(key: Key): number {
    if (typeof key === "string") {
      if (this.#types === KEY_TYPE_NUMBERS.bytes) throw keyTypeError(key, "a Uint8Array", "bytes");
      const length = key.length;
      if (length === 0 || length > KEY_BYTES_MAX) throw this.lengthError(key);
      // Short ASCII keys, the common case, are packed four characters to a word: entering the
      // TextEncoder costs more than the whole loop.
      const words = this.words;
      let seen = 0;
      let at = 0;
      const whole = length & ~3;
      for (let i = 0; i < whole; i += 4) {
        const c0 = key.charCodeAt(i);
        const c1 = key.charCodeAt(i + 1);
        const c2 = key.charCodeAt(i + 2);
        const c3 = key.charCodeAt(i + 3);
        seen |= c0 | c1 | c2 | c3;
        words[at++] = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24);
      }
      let tail = 0;
      for (let i = whole; i < length; i++) {
        const c = key.charCodeAt(i);
        seen |= c;
        tail |= c << ((i & 3) << 3);
      }
      words[at] = tail;
      this.byteLength = length;
      if (seen > 0x7f) this.#encodeText(key);
      this.isBinary = false;
    } else if (isBytes(key)) {
      if (this.#types === KEY_TYPE_NUMBERS.string) throw keyTypeError(key, "a string", "string");
      if (key.length === 0 || key.length > KEY_BYTES_MAX) throw this.lengthError(key);
      const length = key.length;
      this.words[length >>> 2] = 0;
      if (length > LOOP_BYTES) this.#bytes.set(key);
      else for (let i = 0; i < length; i++) this.#bytes[i] = key[i]!;
      this.byteLength = length;
      this.isBinary = true;
    } else {
      throw new InvalidKeyError(`key must be a string or a Uint8Array, got ${describe(key)}`);
    }
    return this.hashWords();
  }

  /** Hashes the key that is in the words. */
  protected hashWords(): number {
    return this.hash = halfSipHash13(this.#key0, this.#key1, this.words, 0, this.byteLength);
  }

  /** A stored key as the application writes it. */
  keyOf(stored: StoredKey): Key {
    return keyOf(stored);
  }

  /** The key that it holds, as the application writes it. */
  get key(): Key {
    return this.keyIn(this);
  }

  /** An encoded key of the same pool, as the application writes it. */
  keyIn(held: HeldKey): Key {
    return keyBehind(0, held);
  }

  /** The error for a key that is empty or too long. */
  protected lengthError(key: Key): InvalidKeyError {
    return new InvalidKeyError(
      `key must have 1 to ${KEY_BYTES_MAX} bytes, got ${bytesOf(key)} bytes`,
    );
  }

  /** A copy of the key's bytes. */
  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.byteLength);
  }

  /** Takes over an encoded key of the same pool. */
  copy(other: EncodedKey): void {
    this.take(other.words, 0, other.byteLength, other.isBinary, other.hash);
  }

  /** The same for one that begins somewhere in some words. */
  take(words: Int32Array, at: number, byteLength: number, isBinary: boolean, hash: number): void {
    const wordCount = (byteLength + 3) >>> 2;
    for (let i = 0; i < wordCount; i++) this.words[i] = words[at + i]!;
    this.byteLength = byteLength;
    this.isBinary = isBinary;
    this.hash = hash;
  }

  /** Whether another encoder of the same pool holds the same key. */
  equals(other: KeyEncoder): boolean {
    if (this.hash !== other.hash || this.byteLength !== other.byteLength) return false;
    const wordCount = (this.byteLength + 3) >>> 2;
    for (let i = 0; i < wordCount; i++) if (this.words[i] !== other.words[i]) return false;
    return true;
  }

  /**
   * Encodes the empty key, which no caller can use and which therefore belongs to the store itself.
   */
  encodeSystemKey(): number {
    this.words[0] = 0;
    this.byteLength = 0;
    this.isBinary = true;
    return this.hashWords();
  }

  #encodeText(key: string): void {
    // encodeInto would write U+FFFD for a lone surrogate, and two different keys would become one.
    if (!key.isWellFormed()) {
      throw new InvalidKeyError("key must be a well-formed string, got one with a lone surrogate");
    }
    const { read, written } = encoder.encodeInto(key, this.#bytes.subarray(0, KEY_BYTES_MAX));
    if (read < key.length) throw this.lengthError(key);
    this.#bytes.fill(0, written, (written + 4) & ~3);
    this.byteLength = written;
  }
}

/** What `toString("latin1")` calls on each runtime; called at once it takes a fifth less on Bun. */
type Sliceable = Buffer & { latin1Slice(start: number, end: number): string };

/** What is behind so many bytes of a key, as the application writes it. */
export function keyBehind(byte: number, held: HeldKey): Key {
  const { buffer, byteLength, isBinary } = held;
  if (isBinary) return new Uint8Array(buffer.subarray(byte, byteLength));
  if (!isAscii(held)) return buffer.toString("utf8", byte, byteLength);
  if (READS_TEXT && byteLength <= SHORT_TEXT_BYTES) return shortText(held.words, byte, byteLength);
  return (buffer as Sliceable).latin1Slice(byte, byteLength);
}

/** Whether a key has no byte above 0x7f: padding has none. */
function isAscii({ words, byteLength }: EncodedKey): boolean {
  let seen = 0;
  for (let i = 0; i < byteLength >>> 2; i++) seen |= words[i]!;
  return ((seen | words[byteLength >>> 2]!) & 0x80808080) === 0;
}

/**
 * The text between two bytes of a key that is ASCII, and short; others may be behind it. Each
 * character is an argument of its own: so V8 makes the string without a list of them.
 */
function shortText(words: Int32Array, start: number, end: number): string {
  const text = end <= 16 ? textOf16(words) : textOf24(words);
  return end - start === text.length ? text : text.substring(start, end);
}

function textOf16(words: Int32Array): string {
  const a = words[0]!;
  const b = words[1]!;
  const c = words[2]!;
  const d = words[3]!;
  return String.fromCharCode(
    a & 0xff,
    (a >>> 8) & 0xff,
    (a >>> 16) & 0xff,
    a >>> 24,
    b & 0xff,
    (b >>> 8) & 0xff,
    (b >>> 16) & 0xff,
    b >>> 24,
    c & 0xff,
    (c >>> 8) & 0xff,
    (c >>> 16) & 0xff,
    c >>> 24,
    d & 0xff,
    (d >>> 8) & 0xff,
    (d >>> 16) & 0xff,
    d >>> 24,
  );
}

function textOf24(words: Int32Array): string {
  const a = words[0]!;
  const b = words[1]!;
  const c = words[2]!;
  const d = words[3]!;
  const e = words[4]!;
  const f = words[5]!;
  return String.fromCharCode(
    a & 0xff,
    (a >>> 8) & 0xff,
    (a >>> 16) & 0xff,
    a >>> 24,
    b & 0xff,
    (b >>> 8) & 0xff,
    (b >>> 16) & 0xff,
    b >>> 24,
    c & 0xff,
    (c >>> 8) & 0xff,
    (c >>> 16) & 0xff,
    c >>> 24,
    d & 0xff,
    (d >>> 8) & 0xff,
    (d >>> 16) & 0xff,
    d >>> 24,
    e & 0xff,
    (e >>> 8) & 0xff,
    (e >>> 16) & 0xff,
    e >>> 24,
    f & 0xff,
    (f >>> 8) & 0xff,
    (f >>> 16) & 0xff,
    f >>> 24,
  );
}

/** Whether a value is a `Uint8Array`, of any realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || types.isUint8Array(value);
}

/** Length of a key in bytes. */
export function bytesOf(key: Key): number {
  return typeof key === "string" ? encoder.encode(key).length : key.length;
}

function keyTypeError(key: Key, rule: string, types: string): InvalidKeyError {
  return new InvalidKeyError(
    `key must be ${rule} in a store that was opened with keys: "${types}", got ${describe(key)}`,
  );
}
