/**
 * Keys of several parts as bytes that sort as Deno KV sorts them: part by part, and first by type:
 * bytes, strings, bigints, numbers, booleans.
 *
 * The encoding is that of FoundationDB's tuple layer, which Deno KV uses too: a byte for the type,
 * then the part so that the order of its bytes is the order of the parts, and, where its length is
 * not known from the type, an end that sorts before everything that could follow.
 *
 * | type | bytes |
 * |---|---|
 * | `Uint8Array` | 01, the bytes with 00 as 00 FF, 00 |
 * | `string` | 02, its UTF-8 in the same way, 00 |
 * | `bigint` | 14 + or - the number of bytes of its magnitude, which follow, inverted if it is negative; beyond 8 bytes 1D or 0B and the number of bytes |
 * | `number` | 21, the eight bytes of the double, big-endian, all inverted if it is negative, else the sign |
 * | `boolean` | 26, 27 |
 *
 * No type is FF, and an FF behind a part's end is the 00 in it: so the keys that begin with the
 * parts of another are those between its bytes and its bytes with an FF.
 *
 * @module
 */
import { describe } from "../core/errors.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";

/** A part of a key; a symbol only as {@linkcode Kv.commitVersionstamp} returns it. */
export type KvKeyPart = Uint8Array | string | number | bigint | boolean | symbol;
/** A key: its parts, from the most significant one on. */
export type KvKey = readonly KvKeyPart[];

const BYTES = 0x01;
const STRING = 0x02;
/** More than eight bytes; the next byte has how many, inverted for a negative one. */
const LARGE_NEGATIVE = 0x0b;
const ZERO = 0x14;
const LARGE_POSITIVE = 0x1d;
const NUMBER = 0x21;
const FALSE = 0x26;
const TRUE = 0x27;
/** More than every type. */
const BEHIND_PARTS = 0xff;
/** Of the part that a versionstamp is: its type, 20 digits and the end. */
const STAMP_BYTES = 22;
/** Behind a 00 that is a part's content, not its end. */
const ESCAPED = 0xff;
/** Bytes of a bigint up to which the type says how many. */
const SHORT_BYTES = 8;
/** The most that a bigint may have. */
const BIGINT_BYTES_MAX = 255;
const SIGN = 0x80;
const INVERTED = 0xff;
const ASCII_MAX = 0x7f;
/** Enough for many keys, and little for one of them to keep; that of a longer one is let go. */
const MEMORY_BYTES = 4 * KEY_BYTES_MAX;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const double = new DataView(new ArrayBuffer(8));

/** Stands for the versionstamp of the commit, as the last part of a key that is set. */
export const COMMIT_VERSIONSTAMP: symbol = Symbol("KvCommitVersionstamp");

/**
 * Encodes a key.
 *
 * @throws {TypeError} when it is no array of parts, or is too long
 */
export function encodeKey(key: KvKey): Uint8Array {
  return encodeParts(key, Array.isArray(key) ? key.length : 0);
}

/**
 * Encodes a key that is read. The one without parts, which has no value, becomes one that no key
 * is.
 *
 * @throws {TypeError} when it is no array of parts, or is too long
 */
export function encodeReadKey(key: KvKey): Uint8Array {
  const bytes = encodeKey(key);
  return bytes.length === 0 ? withEnd(bytes) : bytes;
}

/**
 * Encodes a key that has a value.
 *
 * @throws {TypeError} when it is no array of parts, has none, or is too long
 */
export function encodeStoredKey(key: KvKey): Uint8Array {
  return storedKey(encodeKey(key));
}

/** Whether the last part of a key is the versionstamp of the commit that sets it. */
export function endsWithStamp(key: KvKey): boolean {
  return Array.isArray(key) && key.at(-1) === COMMIT_VERSIONSTAMP;
}

/**
 * Encodes such a key as far as it is known before the commit, with an end that no other key has.
 *
 * @throws {TypeError} when it is no array of parts, has no other part, or is too long
 */
export function encodeStampedKey(key: KvKey): Uint8Array {
  const bytes = storedKey(encodeParts(key, key.length - 1));
  assertLength(bytes.length + STAMP_BYTES);
  return withEnd(bytes);
}

function storedKey(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new TypeError("key must have at least one part, got none");
  return bytes;
}

function assertLength(bytes: number): void {
  if (bytes <= KEY_BYTES_MAX) return;
  throw new TypeError(`key must have at most ${KEY_BYTES_MAX} bytes, got one that takes ${bytes}`);
}

/** A string for each key. */
export function nameOfKey(bytes: Uint8Array): string {
  let name = "";
  for (let i = 0; i < bytes.length; i++) name += String.fromCharCode(bytes[i]!);
  return name;
}

/** The key that {@linkcode encodeStampedKey} has encoded, with a versionstamp. */
export function withStamp(stamped: Uint8Array, versionstamp: string): Uint8Array {
  const part = encodeKey([versionstamp]);
  const bytes = new Uint8Array(stamped.length - 1 + part.length);
  bytes.set(stamped.subarray(0, -1));
  bytes.set(part, stamped.length - 1);
  return bytes;
}

/**
 * The bytes behind those of every key that begins with the parts of another, which has these.
 * Behind all keys comes what the store holds beside them: the keys of the queue are strings of
 * letters.
 */
export function endOfPrefix(key: Uint8Array): Uint8Array {
  return key.length === 0 ? Uint8Array.of(TRUE + 1) : withEnd(key);
}

/** What no key has, and sorts behind all that begin with another. */
function withEnd(key: Uint8Array): Uint8Array {
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  end[key.length] = BEHIND_PARTS;
  return end;
}

/** Decodes what {@linkcode encodeKey} has made. */
export function decodeKey(bytes: Uint8Array): KvKeyPart[] {
  const reader = new PartReader(bytes);
  const parts: KvKeyPart[] = [];
  while (!reader.isAtEnd) parts.push(reader.next());
  return parts;
}

/**
 * Memory of keys: each is encoded behind the last one, and is a view. Nothing is written twice, so
 * a key stays as it is. To give each memory of its own would take longer than to encode it: on
 * Deno, where arrays of a few bytes are not in the heap either, seven times as long as a view.
 */
let memory = new Uint8Array(MEMORY_BYTES);
/** Where the present key begins, and the end of what is there of it. */
let start = 0;
let end = 0;

function encodeParts(key: KvKey, count: number): Uint8Array {
  if (!Array.isArray(key)) throw new TypeError(`key must be an array, got ${describe(key)}`);
  start = end;
  for (let i = 0; i < count; i++) encodePart(key[i]);
  const bytes = memory.subarray(start, end);
  if (memory.length > MEMORY_BYTES) {
    memory = new Uint8Array(MEMORY_BYTES);
    end = 0;
  }
  assertLength(bytes.length);
  return bytes;
}

/** Sees to it that there is room for some bytes more of the present key. */
function makeRoom(count: number): void {
  if (end + count <= memory.length) return;
  const begun = memory.subarray(start, end);
  memory = new Uint8Array(Math.max(MEMORY_BYTES, 2 * (begun.length + count)));
  memory.set(begun);
  start = 0;
  end = begun.length;
}

function encodePart(part: unknown): void {
  switch (typeof part) {
    case "string":
      return pushString(part);
    case "number":
      return pushNumber(part);
    case "bigint":
      return pushBigInt(part);
    case "boolean":
      makeRoom(1);
      memory[end++] = part ? TRUE : FALSE;
      return;
  }
  if (ArrayBuffer.isView(part)) {
    makeRoom(1);
    memory[end++] = BYTES;
    return pushEscaped(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  throw new TypeError(
    `a part of a key must be a string, number, bigint, boolean or Uint8Array, got ${
      describe(part)
    }`,
  );
}

function pushString(part: string): void {
  const { length } = part;
  makeRoom(length + 2);
  const bytes = memory;
  let at = end;
  bytes[at++] = STRING;
  end = at;
  for (let i = 0; i < length; i++) {
    const code = part.charCodeAt(i);
    if (code === 0 || code > ASCII_MAX) return pushText(part);
    bytes[at++] = code;
  }
  bytes[at++] = 0;
  end = at;
}

/** A string that is not all ASCII, or has a NUL. */
function pushText(part: string): void {
  if (!part.isWellFormed()) throw new TypeError("a string in a key must be well-formed");
  pushEscaped(textEncoder.encode(part));
}

function pushEscaped(content: Uint8Array): void {
  makeRoom(2 * content.length + 1);
  for (const byte of content) {
    memory[end++] = byte;
    if (byte === 0) memory[end++] = ESCAPED;
  }
  memory[end++] = 0;
}

function pushNumber(number: number): void {
  makeRoom(9);
  memory[end++] = NUMBER;
  // A NaN has a sign, too, which nobody sees: by it `0 / 0` and `NaN` would be two keys.
  double.setFloat64(0, Number.isNaN(number) ? NaN : number);
  const isNegative = (double.getUint8(0) & SIGN) !== 0;
  for (let i = 0; i < 8; i++) memory[end++] = double.getUint8(i) ^ maskOf(isNegative, i);
}

/** What the bytes of a double are changed by, so that they sort as the numbers do. */
function maskOf(isNegative: boolean, index: number): number {
  if (isNegative) return INVERTED;
  return index === 0 ? SIGN : 0;
}

function pushBigInt(value: bigint): void {
  const isNegative = value < 0n;
  const magnitude = value === 0n ? [] : magnitudeOf(isNegative ? -value : value);
  const { length } = magnitude;
  if (length > BIGINT_BYTES_MAX) {
    throw new TypeError(
      `a bigint in a key must have at most ${BIGINT_BYTES_MAX} bytes, got one of ${length}`,
    );
  }
  const mask = isNegative ? INVERTED : 0;
  makeRoom(length + 2);
  if (length <= SHORT_BYTES) memory[end++] = isNegative ? ZERO - length : ZERO + length;
  else {
    memory[end++] = isNegative ? LARGE_NEGATIVE : LARGE_POSITIVE;
    memory[end++] = length ^ mask;
  }
  for (const byte of magnitude) memory[end++] = byte ^ mask;
}

/** Bytes of a positive number, the most significant one first. */
function magnitudeOf(value: bigint): number[] {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Array.from(
    { length: even.length / 2 },
    (_, i) => parseInt(even.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Reads the parts of a key, one after the other. */
class PartReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  next(): KvKeyPart {
    const type = this.#bytes[this.#at++]!;
    if (type === BYTES) return this.#escaped();
    if (type === STRING) return this.#text();
    if (type === NUMBER) return this.#number();
    if (type === FALSE || type === TRUE) return type === TRUE;
    if (type >= LARGE_NEGATIVE && type <= LARGE_POSITIVE) return this.#bigInt(type);
    throw new TypeError(`a key of Deno KV has no part of the type ${type}`);
  }

  /** The text up to the end of the part, if it has nothing but ASCII; most have. */
  #text(): string {
    const bytes = this.#bytes;
    let text = "";
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === 0 && bytes[at + 1] !== ESCAPED) {
        this.#at = at + 1;
        return text;
      }
      if (byte === 0 || byte > ASCII_MAX) break;
      text += String.fromCharCode(byte);
    }
    return textDecoder.decode(this.#escaped());
  }

  #escaped(): Uint8Array {
    const content: number[] = [];
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new TypeError("a key of Deno KV ends within a part");
      if (byte !== 0) content.push(byte);
      else if (this.#bytes[this.#at] !== ESCAPED) return Uint8Array.from(content);
      else {
        content.push(0);
        this.#at += 1;
      }
    }
  }

  #number(): number {
    const isNegative = (this.#bytes[this.#at]! & SIGN) === 0;
    for (let i = 0; i < 8; i++) {
      double.setUint8(i, this.#bytes[this.#at++]! ^ maskOf(isNegative, i));
    }
    return double.getFloat64(0);
  }

  #bigInt(type: number): bigint {
    const isNegative = type < ZERO;
    const mask = isNegative ? INVERTED : 0;
    const isLarge = type === LARGE_NEGATIVE || type === LARGE_POSITIVE;
    const length = isLarge ? this.#bytes[this.#at++]! ^ mask : Math.abs(type - ZERO);
    let value = 0n;
    for (let i = 0; i < length; i++) value = value << 8n | BigInt(this.#bytes[this.#at++]! ^ mask);
    return isNegative ? -value : value;
  }
}
