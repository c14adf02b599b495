/**
 * Ranges of keys: that the interval which options come to selects what each of them says by itself.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareBytes, isEmptyRange, rangeOf } from "../../lib/store/arguments/key_range.ts";
import type { RangeOptions } from "../../mod.ts";
import { seeded } from "../support/random.ts";
import { compareKeys, hardKeys, randomRange, select } from "../support/range_model.ts";

const NONE = new Uint8Array(0);

function selectByInterval(
  sorted: readonly Uint8Array[],
  options: RangeOptions,
  prefix: Uint8Array,
): Uint8Array[] {
  const range = rangeOf(options, prefix, true);
  if (isEmptyRange(range)) return [];
  const { from, to, isReverse, limit } = range;
  const found = sorted.filter((key) => {
    return compareBytes(key, from) >= 0 && (to === undefined || compareBytes(key, to) < 0);
  });
  return (isReverse ? found.toReversed() : found).slice(0, limit);
}

test(
  "any options select what each of them says",
  seeded((random) => {
    const sorted = hardKeys(random, 400).sort(compareKeys);
    for (let i = 0; i < 600; i++) {
      const options = randomRange(random, sorted);
      const expected = select(sorted, (key) => key, options);
      assert.equal(selectByInterval(sorted, options, NONE), expected, `range ${i}`);
    }
  }),
);

test(
  "in a namespace they are relative to its prefix, which is no key of it",
  seeded((random) => {
    const sorted = hardKeys(random, 400).sort(compareKeys);
    for (let i = 0; i < 600; i++) {
      const prefix = random.pick(sorted).subarray(0, random.between(1, 9));
      const within = sorted.filter((key) => {
        return key.length > prefix.length &&
          compareKeys(key.subarray(0, prefix.length), prefix) === 0;
      }).map((key) => key.subarray(prefix.length));
      if (within.length === 0) continue;
      const options = randomRange(random, within);
      const expected = select(within, (key) => key, options);
      const found = selectByInterval(sorted, options, prefix);
      assert.equal(found.map((key) => key.subarray(prefix.length)), expected, `range ${i}`);
    }
  }),
);

test("a prefix of nothing but 0xff has no end, and one beyond the longest key nothing in it", () => {
  const { from, to } = rangeOf({ prefix: Uint8Array.of(0xff, 0xff) }, NONE, true);
  assert.equal([from, to], [Uint8Array.of(0xff, 0xff), undefined]);
  assert.equal(rangeOf({ prefix: Uint8Array.of(1, 0xff) }, NONE, true).to, Uint8Array.of(2));
  assert.ok(isEmptyRange(rangeOf({ prefix: "x".repeat(2049) }, NONE, true)));
  assert.not(isEmptyRange(rangeOf({ prefix: "x".repeat(2048) }, NONE, true)));
});

test.run();
