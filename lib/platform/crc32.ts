/**
 * CRC-32 as in zlib, by native code of the runtime.
 *
 * Bun has it without its `zlib`, which takes 6 ms to load. Node takes 1.5 ms for that, Deno 4 ms: a
 * tenth of what `open` and a first put take. So the first bytes are gone through here, and `zlib`
 * is loaded by a thread that has more of them.
 *
 * @module
 */
import { builtin } from "./builtin.ts";

/** Computes a CRC-32, or goes on with one. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number;

/** The part of `Bun` that is used here. */
interface BunNamespace {
  readonly hash: { readonly crc32: Crc32 };
}

/**
 * Bytes that a thread goes through without `zlib`: by then that has taken as long as to load it.
 */
const OWN_BYTES = 64 * 1024;

/** The polynomial, from the lowest power up: the highest bit of a word is x^0. */
const POLYNOMIAL = 0xedb88320 | 0;
/** The polynomial 1. */
const ONE = 1 << 31;
/** The polynomial x. */
const X = 1 << 30;

let ownBytesLeft = OWN_BYTES;
let native: Crc32 | undefined = (globalThis as { Bun?: BunNamespace }).Bun?.hash.crc32;
let table: Int32Array | undefined;

/** The CRC-32 of bytes, unsigned; behind others whose CRC-32 is `before`. */
export function crc32(bytes: Uint8Array, before = 0): number {
  if (native !== undefined) return native(bytes, before);
  ownBytesLeft -= bytes.length;
  if (ownBytesLeft >= 0) return ownCrc32(bytes, before);
  native = builtin("node:zlib").crc32 as Crc32;
  return native(bytes, before);
}

/** The same of some of the bytes, without the runtime's native code: sooner, if they are few. */
export function ownCrc32(bytes: Uint8Array, before = 0, start = 0, end = bytes.length): number {
  const remainders = table ??= makeTable();
  let crc = ~before;
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ remainders[(crc ^ bytes[i]!) & 0xff]!;
  }
  return ~crc >>> 0;
}

/** The CRC-32 of so many zeros, which it does not go through; behind others as above. */
export function crc32OfZeros(byteLength: number, before = 0): number {
  // Each bit multiplies by x: all of them by a power, which is made of squares.
  let power = ONE;
  let square = X;
  for (let bits = byteLength * 8; bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return ~multiply(power, ~before) >>> 0;
}

/** The product of two polynomials over GF(2), modulo {@linkcode POLYNOMIAL}. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b;
    b = timesX(b);
  }
  return product;
}

function timesX(polynomial: number): number {
  return (polynomial & 1) === 0 ? polynomial >>> 1 : (polynomial >>> 1) ^ POLYNOMIAL;
}

/** The remainders of all bytes. */
function makeTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = timesX(remainder);
    return remainder;
  });
}
