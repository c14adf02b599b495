/**
 * Log records: every field comes back as it was packed, beside every other.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  keyEquals,
  metaKeyBytes,
  metaKind,
  metaWithKind,
  metaWithVersionHigh,
  packMeta,
  RECORD_KEY,
  RECORD_META,
  recordExpiry,
  RecordKind,
  recordVersion,
  recordWords,
  valueWord,
  writeExpiry,
} from "../../lib/log/record_layout.ts";
import { seeded } from "../support/random.ts";

const KINDS = Object.values(RecordKind);
const FLAGS = [0, FLAG_BINARY_KEY, FLAG_EXPIRES, FLAG_BINARY_KEY | FLAG_EXPIRES];
const KEY_LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 1023, 1024, 1025, 2047, 2048];

test("the meta word keeps key length, kind, flags and version apart", () => {
  for (const keyBytes of KEY_LENGTHS) {
    for (const kind of KINDS) {
      for (const flags of FLAGS) {
        for (const versionHigh of [0, 1, 0x3fff, 0x4000, 0x7fff]) {
          const meta = metaWithVersionHigh(packMeta(keyBytes, kind, flags), versionHigh) | 0;
          assert.is(metaKeyBytes(meta), keyBytes);
          assert.is(metaKind(meta), kind);
          assert.is(meta & (FLAG_BINARY_KEY | FLAG_EXPIRES), flags);
          assert.is(recordVersion(meta, 5), versionHigh * 2 ** 32 + 5);
        }
      }
    }
  }
});

test("a changed kind changes nothing else", () => {
  for (const from of KINDS) {
    for (const to of KINDS) {
      const meta = metaWithVersionHigh(packMeta(2048, from, FLAG_EXPIRES), 0x2bcd);
      const changed = metaWithKind(meta, to);
      assert.is(metaKind(changed), to);
      assert.is(metaWithKind(changed, from), meta);
    }
  }
});

test("a new version replaces the old one", () => {
  const meta = packMeta(7, RecordKind.PUT, 0);
  const twice = metaWithVersionHigh(metaWithVersionHigh(meta, 0x7fff), 0x0001);
  assert.is(recordVersion(twice, 0), 2 ** 32);
});

test("versions have 47 bits", () => {
  for (const version of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 46, 2 ** 47 - 1]) {
    const meta = metaWithVersionHigh(packMeta(1, RecordKind.PUT, 0), Math.floor(version / 2 ** 32));
    assert.is(recordVersion(meta | 0, version | 0), version);
  }
});

test("a record is its header, its key, its expiry time and its value, in multiples of 8 bytes", () => {
  for (const keyBytes of KEY_LENGTHS) {
    for (const flags of FLAGS) {
      const meta = packMeta(keyBytes, RecordKind.PUT, flags);
      const expiryWords = (flags & FLAG_EXPIRES) === 0 ? 0 : 2;
      const headWords = RECORD_KEY + Math.ceil(keyBytes / 4) + expiryWords;
      assert.is(valueWord(meta) % 2, 0, "the value is 8-byte aligned");
      assert.ok(valueWord(meta) >= headWords && valueWord(meta) <= headWords + 1);
      for (const valueBytes of [0, 1, 3, 4, 5, 8, 9, 100, 1000, 2 ** 20 + 1]) {
        const words = recordWords(meta, valueBytes);
        const needed = valueWord(meta) + Math.ceil(valueBytes / 4);
        assert.is(words % 2, 0, "the next record is 8-byte aligned");
        assert.ok(words >= needed && words <= needed + 1, `${words} words for ${needed}`);
      }
    }
  }
});

test("the size of a record does not depend on its version", () => {
  const meta = packMeta(9, RecordKind.PUT, FLAG_EXPIRES);
  const stamped = metaWithVersionHigh(meta, 0x7fff) | 0;
  assert.is(recordWords(stamped, 33), recordWords(meta, 33));
  assert.is(valueWord(stamped), valueWord(meta));
});

test("expiry times have 48 bits, and stand between key and value", () => {
  for (const keyBytes of [1, 4, 5, 1024, 2048]) {
    for (const expiresAtMs of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1.8e12, 2 ** 48 - 1]) {
      const meta = packMeta(keyBytes, RecordKind.PUT, FLAG_EXPIRES);
      const words = new Int32Array(600);
      words[10 + RECORD_META] = meta;
      writeExpiry(words, 10 + valueWord(meta) - 2, expiresAtMs);
      assert.is(recordExpiry(words, 10), expiresAtMs);
      words[10 + RECORD_META] = packMeta(keyBytes, RecordKind.PUT, 0);
      assert.is(recordExpiry(words, 10), Infinity, "without the flag a record does not expire");
    }
  }
});

test(
  "keys are equal when length and bytes are",
  seeded((random) => {
    for (let round = 0; round < 500; round++) {
      const length = random.between(1, 40);
      const key = new Int32Array(12);
      new Uint8Array(key.buffer).set(random.bytes(length));
      const words = new Int32Array(64).fill(-1);
      words[20 + RECORD_META] = packMeta(length, RecordKind.PUT, FLAG_BINARY_KEY);
      words.set(key.subarray(0, (length + 3) >>> 2), 20 + RECORD_KEY);
      assert.is(keyEquals(words, 20, key, 0, length), true);
      assert.is(keyEquals(words, 20, key, 0, length - 1), false, "shorter");
      assert.is(keyEquals(words, 20, key, 0, length + 1), false, "longer");
      const at = random.below(length);
      new Uint8Array(key.buffer)[at]! ^= 1 << random.below(8);
      assert.is(keyEquals(words, 20, key, 0, length), false, `byte ${at} differs`);
    }
  }),
);

test.run();
