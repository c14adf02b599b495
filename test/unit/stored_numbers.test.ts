/**
 * Numbers that a KN reads and writes are those of the codecs, byte for byte.
 *
 * @module
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ValueCodec } from "../../lib/codec/codec.ts";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { BinaryCodec, JsonCodec } from "../../lib/codec/plain_codecs.ts";
import {
  NUMBER_BYTES_MAX,
  NUMBER_WORDS_MAX,
  NumberForm,
  StoredNumbers,
} from "../../lib/codec/stored_numbers.ts";
import { seeded } from "../support/random.ts";
import { MemoryStructures } from "../support/structures.ts";

const numbers = new StoredNumbers();
const CODECS: readonly ValueCodec<unknown>[] = [
  new MsgpackCodec<unknown>(new MemoryStructures()),
  new JsonCodec<unknown>(),
];

/** Encodes a value, into whole words at an offset, with what is behind it set. */
function encoded(codec: ValueCodec<unknown>, value: unknown): { words: Int32Array; bytes: number } {
  codec.encode(value);
  const { bytes, start, end } = codec;
  const words = new Int32Array(4 + ((end - start + 7) >>> 3) * 2).fill(-1);
  new Uint8Array(words.buffer).set(bytes.subarray(start, end), 16);
  return { words, bytes: end - start };
}

const finite = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: 0, max: 40 }).map((bits) => 2 ** bits),
  // The longest as JSON: many digits behind zeros, or in front of an exponent.
  fc.double({ min: 1e-7, max: 1e-5, noNaN: true }).map((number) => -number),
);

for (const codec of CODECS) {
  const form = codec.numberForm;
  test(
    `a number is read as ${codec.constructor.name} has written it, and written as it writes it`,
    seeded((random) => {
      const check = (number: number) => {
        const { words, bytes } = encoded(codec, number);
        const expected = form === NumberForm.JSON ? number + 0 : number;
        assert.is(numbers.read(form, words, 4, bytes), expected);
        const target = new Int32Array(2 + NUMBER_WORDS_MAX).fill(-1);
        const length = numbers.write(form, number, target, 2);
        assert.is(length, bytes);
        const written = new Uint8Array(target.buffer, 8);
        assert.equal(written.slice(0, bytes), new Uint8Array(words.buffer, 16, bytes).slice());
        const end = (bytes + 7) & ~7;
        assert.ok(written.subarray(bytes, end).every((byte) => byte === 0), "zeros behind it");
      };
      fc.assert(fc.property(finite, check), { numRuns: 3000, seed: random.below(2 ** 31) });
    }),
  );

  test(
    `what ${codec.constructor.name} writes for anything else is no number`,
    seeded((random) => {
      const others = [
        ...[null, true, false, "", "5", "a", [], [1], {}, { n: 1 }, "x".repeat(100)],
        ...form === NumberForm.MSGPACK
          ? [5n, 2n ** 63n, -(2n ** 70n), NaN, new Date(5), new Set([1]), new Uint8Array(3)]
          : [],
      ];
      const check = (value: unknown) => {
        const { words, bytes } = encoded(codec, value);
        assert.ok(Number.isNaN(numbers.read(form, words, 4, bytes)), fc.stringify(value));
      };
      for (const value of others) check(value);
      const any = fc.oneof(
        fc.string(),
        fc.array(fc.integer()),
        fc.dictionary(fc.string(), fc.nat()),
      );
      fc.assert(fc.property(any, check), { numRuns: 1000, seed: random.below(2 ** 31) });
    }),
  );
}

test("bytes without a meaning are no number, of whatever length they are", () => {
  for (let first = 0; first < 256; first++) {
    for (const length of [0, 1, 2, 3, 5, 9, 24, 25, 100]) {
      const words = new Int32Array(30);
      new Uint8Array(words.buffer).fill(first, 0, length);
      assert.ok(Number.isNaN(numbers.read(new BinaryCodec().numberForm, words, 0, length)));
      const json = numbers.read(NumberForm.JSON, words, 0, length);
      const isDigits = first >= 0x30 && first <= 0x39 && length > 0 && length <= NUMBER_BYTES_MAX;
      assert.is(Number.isNaN(json), !isDigits, `${first} x ${length}: ${json}`);
    }
  }
});

test.run();
