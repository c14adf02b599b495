/**
 * Keys of several parts: what is encoded comes back, and its bytes sort as the keys do, which on
 * Deno is compared with Deno KV itself.
 *
 * @module
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  decodeKey,
  encodeKey,
  endOfPrefix,
  type KvKey,
  type KvKeyPart,
} from "../../lib/deno_kv/tuple_key.ts";
import { SEED } from "../support/random.ts";

const PARAMETERS = { seed: SEED, numRuns: 2000 };

const part: fc.Arbitrary<KvKeyPart> = fc.oneof(
  fc.uint8Array({ maxLength: 6 }),
  // Bytes of which many are 0 or 255, which are escaped.
  fc.array(fc.constantFrom(0, 1, 254, 255), { maxLength: 4 }).map((list) => Uint8Array.from(list)),
  fc.string({ unit: "binary", maxLength: 6 }).map((text) => text.toWellFormed()),
  fc.constantFrom("", "\0", "\0\0", "a", "a\0", "a\0b", "\u{10ffff}", "\u{feff}"),
  fc.double(),
  fc.constantFrom(0, -0, 1, -1, NaN, Infinity, -Infinity, 2 ** 53, Number.MIN_VALUE),
  fc.bigInt(),
  fc.constantFrom(
    0n,
    255n,
    256n,
    -255n,
    -256n,
    2n ** 64n - 1n,
    2n ** 64n,
    -(2n ** 64n),
    2n ** 200n,
  ),
  fc.boolean(),
);
const key: fc.Arbitrary<KvKey> = fc.array(part, { minLength: 1, maxLength: 4 });

const TYPES = ["object", "string", "bigint", "number", "boolean"];
const text = new TextEncoder();

/** The order of Deno KV, from its documentation. */
function compareParts(a: KvKeyPart, b: KvKeyPart): number {
  const types = TYPES.indexOf(typeof a) - TYPES.indexOf(typeof b);
  if (types !== 0) return types;
  if (typeof a === "string") return compareBytes(text.encode(a), text.encode(b as string));
  if (typeof a === "object") return compareBytes(a, b as Uint8Array);
  if (typeof a === "number") return compareNumbers(a, b as number);
  if (typeof a === "symbol") throw new TypeError("no key has a symbol");
  return a < (b as typeof a) ? -1 : Number(a > (b as typeof a));
}

/** As IEEE 754 orders all of them: -0 before 0, and NaN behind everything. */
function compareNumbers(a: number, b: number): number {
  if (Object.is(a, b)) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
  if (a === b) return Object.is(a, -0) ? -1 : 1;
  return a - b;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

function compareKeys(a: KvKey, b: KvKey): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareParts(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

test("keys come back as they were", () => {
  fc.assert(
    fc.property(key, (parts) => assert.equal(decodeKey(encodeKey(parts)), [...parts])),
    PARAMETERS,
  );
});

test("bytes stay what they are when others are encoded", () => {
  const [long, tooLong] = ["x".repeat(2000), "x".repeat(100_000)];
  const keys = Array.from(
    { length: 3000 },
    (_, i): KvKey => ["user", i, i % 50 === 0 ? long : ""],
  );
  keys.splice(1234, 0, []);
  const all = keys.map((parts, i) => {
    if (i % 7 === 0) assert.throws(() => encodeKey([i, "begun", null as never]), TypeError);
    if (i % 500 === 0) {
      assert.throws(() => encodeKey([i, tooLong]), /2048 bytes, got one that takes/);
    }
    return encodeKey(parts);
  });
  assert.equal(all.map(decodeKey), keys);
});

test("bytes sort as keys do", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const order = Math.sign(compareKeys(a, b));
      assert.is(Math.sign(compareBytes(encodeKey(a), encodeKey(b))), order);
    }),
    PARAMETERS,
  );
});

test("the keys that begin with the parts of another are between two of bytes", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const start = encodeKey(a);
      const end = endOfPrefix(start);
      const isBetween = (bytes: Uint8Array) =>
        compareBytes(bytes, start) > 0 && compareBytes(bytes, end) < 0;
      assert.ok(isBetween(encodeKey([...a, ...b])));
      const begins = b.length > a.length && a.every((part, i) => compareParts(part, b[i]!) === 0);
      assert.is(isBetween(encodeKey(b)), begins);
    }),
    { ...PARAMETERS, examples: [[[new Uint8Array(0)], [new Uint8Array(1)]], [[""], ["\0"]]] },
  );
});

test("NaN is one key, whatever sign and payload it was computed with", () => {
  const zero = Math.min(SEED, 0);
  const odd = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0]!;
  for (const nan of [zero / zero, -(zero / zero), -NaN, odd]) {
    assert.equal(encodeKey([nan]), encodeKey([NaN]));
  }
});

test("what is no key is refused", () => {
  const bad: [unknown, RegExp][] = [
    ["a", /key must be an array, got the string "a"/],
    [[null], /a part of a key must be a string, number, bigint, boolean or Uint8Array, got null/],
    [[["a"]], /got an array of 1/],
    [[{}], /got an object/],
    [["\ud800"], /must be well-formed/],
    [[2n ** 2048n], /at most 255 bytes, got one of 257/],
  ];
  for (const [given, message] of bad) {
    assert.throws(() => encodeKey(given as KvKey), (error: unknown) => {
      return error instanceof TypeError && message.test(error.message);
    });
  }
});

test.run();
