/**
 * The request distributions of YCSB: Zipfian (Gray et al., "Quickly generating billion-record
 * synthetic databases", SIGMOD '94) with constant 0.99, and the same scrambled, so that the popular
 * items are spread over the key space. The constants are those of YCSB's ZipfianGenerator and
 * ScrambledZipfianGenerator, so hit rates can be compared with published ones.
 *
 * @module
 */
import type { Random } from "./random.ts";

const ZIPFIAN_CONSTANT = 0.99;

/**
 * The scrambled generator draws from ten billion items and folds them onto the real ones by a hash.
 */
const SCRAMBLED_ITEM_COUNT = 10_000_000_000;

/** zeta(10^10, 0.99), which would take minutes to sum. */
const SCRAMBLED_ZETA = 26.46902820178302;

const FNV_OFFSET_HIGH = 0xcbf29ce4;
const FNV_OFFSET_LOW = 0x84222325;

/** The FNV prime is 2^40 + 0x1b3. */
const FNV_PRIME_LOW = 0x1b3;

function zeta(itemCount: number): number {
  let sum = 0;
  for (let rank = 1; rank <= itemCount; rank++) sum += 1 / rank ** ZIPFIAN_CONSTANT;
  return sum;
}

/** Draws ranks: 0 is the most popular of `itemCount` items. */
export function createZipfian(
  random: Random,
  itemCount: number,
  zetaOfItems: number = zeta(itemCount),
): () => number {
  const alpha = 1 / (1 - ZIPFIAN_CONSTANT);
  const eta = (1 - (2 / itemCount) ** (1 - ZIPFIAN_CONSTANT)) / (1 - zeta(2) / zetaOfItems);
  return () => {
    const uniform = random();
    const scaled = uniform * zetaOfItems;
    if (scaled < 1) return 0;
    if (scaled < 1 + 0.5 ** ZIPFIAN_CONSTANT) return 1;
    return Math.floor(itemCount * (eta * uniform - eta + 1) ** alpha);
  };
}

/** Draws item numbers below `itemCount`, popular ones anywhere among them. */
export function createScrambledZipfian(random: Random, itemCount: number): () => number {
  const rank = createZipfian(random, SCRAMBLED_ITEM_COUNT, SCRAMBLED_ZETA);
  return () => fnv64Modulo(rank(), itemCount);
}

/** The 64-bit FNV hash of the eight bytes of a whole number, modulo `modulus` (below 2^32). */
export function fnv64Modulo(value: number, modulus: number): number {
  let high = FNV_OFFSET_HIGH;
  let low = FNV_OFFSET_LOW;
  let rest = value;
  for (let octet = 0; octet < 8; octet++) {
    low = (low ^ (rest % 256)) >>> 0;
    rest = Math.floor(rest / 256);
    const product = low * FNV_PRIME_LOW;
    high = (high * FNV_PRIME_LOW + Math.floor(product / 2 ** 32) + low * 256) >>> 0;
    low = product >>> 0;
  }
  // As YCSB does, the hash is a signed Java long and made positive.
  if (high >= 2 ** 31) {
    low = -low >>> 0;
    high = (low === 0 ? -high : ~high) >>> 0;
  }
  // 16 bits at a time, so that no intermediate result passes 2^53.
  const upper = ((high % modulus) * 65536 + (low >>> 16)) % modulus;
  return (upper * 65536 + (low & 0xffff)) % modulus;
}
