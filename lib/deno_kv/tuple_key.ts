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
 * No type is FF, and an FF behind a part's end is the 00 in it: so the keys that begin with the parts
 * of another are those between its bytes and its bytes with an FF.
 *
 * @module
 */
import { describe } from "../core/errors.ts";

/** A part of a key. */
export type KvKeyPart = Uint8Array | string | number | bigint | boolean;
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
/** Behind a 00 that is a part's content, not its end. */
const ESCAPED = 0xff;
/** Bytes of a bigint up to which the type says how many. */
const SHORT_BYTES = 8;
/** The most that a bigint may have. */
const BIGINT_BYTES_MAX = 255;
const SIGN = 0x80;
const INVERTED = 0xff;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const double = new DataView(new ArrayBuffer(8));

/**
 * Encodes a key.
 *
 * @throws {TypeError} when it is no array of parts
 */
export function encodeKey(key: KvKey): Uint8Array {
  if (!Array.isArray(key)) throw new TypeError(`key must be an array, got ${describe(key)}`);
  const bytes: number[] = [];
  for (const part of key as KvKey) encodePart(bytes, part);
  return Uint8Array.from(bytes);
}

/**
 * Encodes a key that has a value.
 *
 * @throws {TypeError} when it is no array of parts, or has none
 */
export function encodeStoredKey(key: KvKey): Uint8Array {
  const bytes = encodeKey(key);
  if (bytes.length === 0) throw new TypeError("key must have at least one part, got none");
  return bytes;
}

/** The bytes behind those of every key that begins with the parts of another, which has these. */
export function endOfPrefix(key: Uint8Array): Uint8Array {
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

function encodePart(bytes: number[], part: unknown): void {
  switch (typeof part) {
    case "string":
      if (!part.isWellFormed()) throw new TypeError("a string in a key must be well-formed");
      bytes.push(STRING);
      return pushEscaped(bytes, textEncoder.encode(part));
    case "number":
      bytes.push(NUMBER);
      return pushNumber(bytes, part);
    case "bigint":
      return pushBigInt(bytes, part);
    case "boolean":
      bytes.push(part ? TRUE : FALSE);
      return;
  }
  if (ArrayBuffer.isView(part)) {
    bytes.push(BYTES);
    return pushEscaped(bytes, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  throw new TypeError(
    `a part of a key must be a string, number, bigint, boolean or Uint8Array, got ${
      describe(part)
    }`,
  );
}

function pushEscaped(bytes: number[], content: Uint8Array): void {
  for (const byte of content) {
    bytes.push(byte);
    if (byte === 0) bytes.push(ESCAPED);
  }
  bytes.push(0);
}

function pushNumber(bytes: number[], number: number): void {
  double.setFloat64(0, number);
  const isNegative = (double.getUint8(0) & SIGN) !== 0;
  for (let i = 0; i < 8; i++) bytes.push(double.getUint8(i) ^ maskOf(isNegative, i));
}

/** What the bytes of a double are changed by, so that they sort as the numbers do. */
function maskOf(isNegative: boolean, index: number): number {
  if (isNegative) return INVERTED;
  return index === 0 ? SIGN : 0;
}

function pushBigInt(bytes: number[], value: bigint): void {
  const isNegative = value < 0n;
  const magnitude = value === 0n ? [] : magnitudeOf(isNegative ? -value : value);
  const { length } = magnitude;
  if (length > BIGINT_BYTES_MAX) {
    throw new TypeError(
      `a bigint in a key must have at most ${BIGINT_BYTES_MAX} bytes, got one of ${length}`,
    );
  }
  const mask = isNegative ? INVERTED : 0;
  if (length <= SHORT_BYTES) bytes.push(isNegative ? ZERO - length : ZERO + length);
  else bytes.push(isNegative ? LARGE_NEGATIVE : LARGE_POSITIVE, length ^ mask);
  for (const byte of magnitude) bytes.push(byte ^ mask);
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
    if (type === STRING) return textDecoder.decode(this.#escaped());
    if (type === NUMBER) return this.#number();
    if (type === FALSE || type === TRUE) return type === TRUE;
    if (type >= LARGE_NEGATIVE && type <= LARGE_POSITIVE) return this.#bigInt(type);
    throw new TypeError(`a key of Deno KV has no part of the type ${type}`);
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
