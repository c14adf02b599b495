/**
 * CRC-32: what is computed without the runtime's zlib is what zlib computes.
 *
 * @module
 */
import { crc32 as zlibCrc32 } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { crc32, crc32OfZeros, ownCrc32 } from "../../lib/platform/crc32.ts";
import { Random, SEED } from "../support/random.ts";

const random = new Random(SEED);

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

test("bytes have the CRC-32 of zlib, also behind others", () => {
  for (const length of [0, 1, 2, 7, 8, 255, 4096]) {
    const bytes = randomBytes(length);
    const before = zlibCrc32(randomBytes(random.below(50)));
    assert.is(ownCrc32(bytes), zlibCrc32(bytes), `${length} bytes, seed ${SEED}`);
    assert.is(ownCrc32(bytes, before), zlibCrc32(bytes, before), `${length} bytes, seed ${SEED}`);
  }
});

test("zeros have it without being looked at", () => {
  for (const length of [0, 1, 2, 3, 63, 64, 1000, 4096 * 128, 2 ** 21 + 5]) {
    const zeros = new Uint8Array(length);
    const before = zlibCrc32(randomBytes(random.below(50)));
    assert.is(crc32OfZeros(length), zlibCrc32(zeros), `${length} zeros`);
    assert.is(crc32OfZeros(length, before), zlibCrc32(zeros, before), `${length}, seed ${SEED}`);
  }
});

test("it stays the same when a thread comes to use zlib", () => {
  const bytes = randomBytes(10_000);
  const expected = zlibCrc32(bytes);
  for (let i = 0; i < 20; i++) assert.is(crc32(bytes), expected, `call ${i}, seed ${SEED}`);
});

test.run();
