/**
 * The hash of the index against a reference implementation, and that against the vectors of the
 * algorithm's authors.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { halfSipHashReference } from "../support/half_sip_hash_reference.ts";
import { seeded } from "../support/random.ts";

/**
 * HalfSipHash-2-4 with key 00..07 of the messages "", 00, 00 01, ...: bytes of the output, as
 * published.
 */
const VECTORS_2_4 = [
  "a9359f5b",
  "27475ab8",
  "fa62a603",
  "8afee704",
  "2a6e4689",
  "c5fab669",
  "5863fc23",
  "8bcf63c5",
  "d0b8848f",
];

function ascending(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i);
}

function littleEndianHex(word: number): string {
  const bytes = [word, word >>> 8, word >>> 16, word >>> 24];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join("");
}

/** Hashes bytes with the library: as words, at some place in a larger array. */
function hash(key: Uint8Array, message: Uint8Array, start = 0): number {
  const keyView = new DataView(key.buffer, key.byteOffset);
  const words = new Int32Array(start + (message.length >>> 2) + 1).fill(-1, 0, start);
  new Uint8Array(words.buffer).set(message, start * 4);
  const [key0, key1] = [keyView.getInt32(0, true), keyView.getInt32(4, true)];
  return halfSipHash13(key0, key1, words, start, message.length);
}

test("the reference gives the published vectors", () => {
  VECTORS_2_4.forEach((expected, length) => {
    const word = halfSipHashReference(ascending(8), ascending(length), 2, 4);
    assert.is(littleEndianHex(word), expected, `${length} bytes`);
  });
});

test("the library gives what the reference gives for 1-3, for every length up to 300 bytes", () => {
  for (let length = 0; length <= 300; length++) {
    const message = ascending(length);
    const expected = halfSipHashReference(ascending(8), message, 1, 3);
    assert.is(hash(ascending(8), message) >>> 0, expected, `${length} bytes`);
  }
});

test(
  "the library gives what the reference gives for random keys, messages and places",
  seeded((random) => {
    for (let i = 0; i < 300; i++) {
      const key = random.bytes(8);
      const message = random.bytes(random.below(64));
      const start = random.below(5);
      const expected = halfSipHashReference(key, message, 1, 3);
      assert.is(hash(key, message, start) >>> 0, expected, `${key} of ${message} at ${start}`);
    }
  }),
);

test("the hash is an int32", () => {
  let negative = 0;
  for (let i = 0; i < 64; i++) {
    const value = hash(ascending(8), Uint8Array.of(i));
    assert.is(value, value | 0);
    if (value < 0) negative += 1;
  }
  assert.ok(negative > 0 && negative < 64, "both signs occur");
});

test("the length matters: zero bytes at the end are not padding", () => {
  const hashes = new Set<number>();
  for (let length = 0; length < 32; length++) {
    hashes.add(hash(ascending(8), new Uint8Array(length)));
  }
  assert.is(hashes.size, 32);
});

test(
  "every bit of key and message changes about half of the hash's bits",
  seeded((random) => {
    let flips = 0;
    let changed = 0;
    for (let round = 0; round < 20; round++) {
      const key = random.bytes(8);
      const message = random.bytes(12);
      const before = hash(key, message);
      for (const bytes of [key, message]) {
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          bytes[bit >>> 3]! ^= 1 << (bit & 7);
          const difference = (before ^ hash(key, message)) >>> 0;
          bytes[bit >>> 3]! ^= 1 << (bit & 7);
          flips += 1;
          changed += difference.toString(2).replaceAll("0", "").length;
        }
      }
    }
    const share = changed / flips / 32;
    assert.ok(share > 0.48 && share < 0.52, `${share} of the bits change`);
  }),
);

test.run();
