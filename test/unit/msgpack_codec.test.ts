/**
 * The default codec: what comes back as it was, what is refused, and that nothing decoded points
 * into a buffer that is used again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { DecodeError, InvalidValueError } from "../../lib/core/errors.ts";
import { NESTING_MAX } from "../../lib/core/limits.ts";
import { assertThrows, type Refusal } from "../support/errors.ts";
import { encoded, MemoryStructures, roundTrip } from "../support/structures.ts";
import { type Random, seeded } from "../support/random.ts";
import { inWords } from "../support/values.ts";

/** Damaged values; `npm run crash` tries a million. */
const FUZZ_COUNT = Number(process.env["DINOMO_FUZZ"] ?? 3000);
const INVALID: Omit<Refusal, "says"> = { type: InvalidValueError, code: "DINOMO_INVALID_VALUE" };

function codec(structures = new MemoryStructures()): MsgpackCodec<unknown> {
  return new MsgpackCodec<unknown>(structures);
}

function shown(value: unknown): string {
  return inspect(value).slice(0, 40);
}

/** Values that are equal after a round trip, as `assert.equal` compares. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  127,
  128,
  -32,
  -33,
  255,
  256,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  -(2 ** 31),
  -(2 ** 31) - 1,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  0.1,
  -1.5e300,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  Infinity,
  -Infinity,
  NaN,
  "",
  "a",
  "\0",
  "é日🦖",
  "\ufeffbom",
  "x".repeat(31),
  "x".repeat(32),
  "x".repeat(70_000),
  "é".repeat(40_000),
  [],
  [1, "two", [3, [4]]],
  Array.from({ length: 20 }, (_, i) => i),
  Array.from({ length: 70_000 }, (_, i) => i % 7),
  [undefined, null],
  {},
  { a: 1 },
  { a: { b: { c: [{ d: null }] } } },
  { a: undefined },
  { "": 1, " ": 2, "é": 3, "a.b": 4, "0": 5, constructor: 6, toString: 7 },
  0n,
  1n,
  -1n,
  2n ** 63n - 1n,
  2n ** 63n,
  -(2n ** 63n),
  2n ** 64n - 1n,
  2n ** 64n,
  -(2n ** 200n),
  new Date(0),
  new Date(1),
  new Date(1.7e12 + 123),
  new Date(-1),
  new Date(8.64e15),
  new Map(),
  new Map<unknown, unknown>([[1, "one"], ["two", 2], [null, { three: 3 }]]),
  new Map([[new Map([[1, 2]]), new Set([3])]]),
  new Set(),
  new Set([1, "two", null]),
  new Set([new Set([new Map()])]),
  new Uint8Array(0),
  Uint8Array.of(1, 2, 3),
  new Uint8Array(70_000).fill(7),
  { nested: { binary: Uint8Array.of(9, 8, 7) }, list: [new Uint8Array(300)] },
  new Float64Array([1.5, -0.25]),
  new Float32Array([1.5]),
  new Int32Array([-1, 2 ** 31 - 1]),
  new Uint16Array([1, 65_535]),
  new BigInt64Array([-1n]),
  new Map([[Uint8Array.of(1), Uint8Array.of(2)]]),
];

test("values come back as they were", () => {
  const structures = new MemoryStructures();
  const [writer, reader] = [codec(structures), codec(structures)];
  for (const value of VALUES) {
    const context = shown(value);
    assert.equal(roundTrip(writer, reader, value), value, context);
    assert.equal(roundTrip(writer, writer, value), value, `${context}, by the same codec`);
  }
});

test("texts are the same by msgpackr's native decoder, where there is one, and without", async () => {
  const types = codec();
  const check = () => {
    for (const piece of ["x", "\u00e4", "\u20ac", "\u{1f600}", "x\u00e4"]) {
      for (let length = 0; length <= 280; length += length < 80 ? 1 : 20) {
        const value = { first: piece.repeat(length), last: `${piece} ${length}` };
        assert.equal(roundTrip(types, types, value), value, `${piece} ${length} times`);
      }
    }
  };
  // What the codec loads itself comes in a later turn.
  check();
  await import("msgpackr");
  check();
});

test("types that look alike stay apart", () => {
  const types = codec();
  assert.is(Number.isNaN((roundTrip(types, types, new Date(NaN)) as Date).getTime()), true);
  assert.is(typeof roundTrip(types, types, 5n), "bigint");
  assert.is(typeof roundTrip(types, types, 5), "number");
  assert.instance(roundTrip(types, types, new Map([["a", 1]])), Map);
  assert.not.instance(roundTrip(types, types, { a: 1 }), Map);
  assert.instance(roundTrip(types, types, new Set(["a"])), Set);
  assert.instance(roundTrip(types, types, new Uint8Array(3)), Uint8Array);
  const held = roundTrip(types, types, { a: undefined }) as object;
  assert.is("a" in held, true);
  const pattern = roundTrip(types, types, /a.b/gi) as RegExp;
  assert.is(String(pattern), "/a.b/gi");
  const error = roundTrip(types, types, new RangeError("far")) as Error;
  assert.is(error.message, "far");
});

test("a value may be nested so deep that every runtime can decode it, and not deeper", () => {
  const nests: readonly ((inner: unknown) => unknown)[] = [
    (inner) => [inner],
    (inner) => ({ inner }),
    (inner) => new Map([[inner, 1]]),
    (inner) => new Set([inner]),
    (inner) => new Error("deep", { cause: inner }),
  ];
  for (const nest of nests) {
    let deep: unknown = "inside";
    for (let i = 0; i < NESTING_MAX; i++) deep = nest(deep);
    const types = codec();
    assert.is(inWords(roundTrip(types, types, deep)), inWords(deep));
    const says = /^value must be data .*, but value is nested more than 512 levels deep, or refers/;
    assertThrows(() => types.encode(nest(deep)), { ...INVALID, says });
    for (let i = 0; i < 100_000; i++) deep = nest(deep);
    assertThrows(() => types.encode(deep), { ...INVALID, says });
  }
});

test("what cannot come back is refused, by its path", () => {
  const cycle: Record<string, unknown> = { name: "cycle" };
  cycle["self"] = cycle;
  const ring: unknown[] = [1];
  ring.push({ back: ring });
  const key = Symbol("key");
  const refused: readonly [unknown, RegExp][] = [
    [undefined, /^value must not be undefined.*use delete\(key\)/],
    [() => 1, /^value must be data that every runtime can read back, but value is a function$/],
    [{ deep: [{ f() {} }] }, /, but value\.deep\[0\]\.f is a function$/],
    [new Map([["f", () => 1]]), /, but value\.get\("f"\) is a function$/],
    [new Map([[class {}, 1]]), /, but value\.keys\(\) is a function$/],
    [new Set([new WeakSet()]), /, but value\.values\(\) is a WeakSet$/],
    [new Error("x", { cause: new WeakMap() }), /, but value\.cause is a WeakMap$/],
    [new AggregateError([1, key]), /, but value\.errors\[1\] is a symbol$/],
    [Symbol("s"), /, but value is a symbol$/],
    [{ "an odd name": [1, key] }, /, but value\["an odd name"\]\[1\] is a symbol$/],
    [{ response: { headers: new Headers() } }, /, but value\.response\.headers is a Headers$/],
    [{
      get made() {
        return new Headers();
      },
    }, /, but a part of value is a Headers$/],
    [{ name: new String("boxed") }, /, but value\.name is a String$/],
    [[new SharedArrayBuffer(1)], /, but value\[0\] is a SharedArrayBuffer$/],
    [{ p: Promise.resolve(1) }, /, but value\.p is a Promise: await it first$/],
    [cycle, /, but value is nested more than 512 levels deep, or refers to itself$/],
    [ring, /, but value is nested more than 512 levels deep, or refers to itself$/],
  ];
  for (const [value, says] of refused) {
    assertThrows(() => codec().encode(value), { ...INVALID, says }, typeof value);
  }
});

test("an object that changes while it is stored is refused", () => {
  const grows = {
    get a() {
      Object.assign(grows, { b: 1 });
      return 1;
    },
    c: 2,
  };
  const shrinks: unknown[] = [
    {
      get a() {
        return shrinks.pop();
      },
    },
    2,
    3,
  ];
  assertThrows(() => codec().encode(shrinks), {
    ...INVALID,
    says: /has changed while it was stored$/,
  });
  // Whether a name that is added is seen at once is the runtime's to say.
  const types = codec();
  try {
    assert.equal(roundTrip(types, types, grows), { a: 1, c: 2 });
  } catch (error) {
    assert.match((error as Error).message, /value has changed while it was stored$/);
  }
  assert.equal(roundTrip(types, types, grows), { a: 1, c: 2, b: 1 });
});

test("an error of the application's own code is the cause", () => {
  const cause = new Error("not now");
  const value = {
    get a() {
      throw cause;
    },
  };
  assertThrows(() => codec().encode(value), { ...INVALID, says: /got an object \(not now\)$/ });
  try {
    codec().encode(value);
  } catch (error) {
    assert.is((error as Error).cause, cause);
  }
});

test("a codec works on after it has refused something", () => {
  const structures = new MemoryStructures();
  const [writer, reader] = [codec(structures), codec(structures)];
  const good = { id: 1, tags: ["a"] };
  for (let i = 0; i < 20; i++) {
    assert.throws(() => writer.encode({ id: i, tags: ["a"], fails: () => 1 }));
    assert.throws(() => writer.encode({ fails: Symbol("s"), [`k${i}`]: 1 }));
    assert.equal(roundTrip(writer, reader, good), good, `round ${i}`);
  }
});

test("a decoded value does not change when the buffer is used again", () => {
  const types = codec();
  const value = {
    text: "some text that is long enough to be interesting",
    binary: Uint8Array.of(1, 2, 3, 4),
    nested: [{ binary: new Uint8Array(64).fill(5) }, new Map([["b", Uint8Array.of(6)]])],
    floats: new Float64Array([1, 2]),
    words: new Int32Array([1, 2]),
    big: 2n ** 100n,
    date: new Date(5),
  };
  const { bytes, length } = encoded(types, value);
  const first = types.decode(bytes, length);
  assert.equal(first, value);
  bytes.fill(0xee);
  assert.equal(first, value, "the buffer was overwritten");
  types.encode({ text: "other", binary: new Uint8Array(500).fill(9) });
  assert.equal(first, value, "something else was encoded");
});

test("a decoded value's buffers are the caller's to change", () => {
  const types = codec();
  const { bytes, length } = encoded(types, { binary: Uint8Array.of(1, 2, 3) });
  const first = types.decode(bytes, length) as { binary: Uint8Array };
  first.binary.fill(0);
  assert.equal(types.decode(bytes, length), { binary: Uint8Array.of(1, 2, 3) });
  assert.not(first.binary.buffer === bytes.buffer);
});

test("encoding copies: the value may change afterwards", () => {
  const types = codec();
  const value = { list: [1, 2], binary: Uint8Array.of(1) };
  const { bytes, length } = encoded(types, value);
  value.list.push(3);
  value.binary[0] = 9;
  assert.equal(types.decode(bytes, length), { list: [1, 2], binary: Uint8Array.of(1) });
});

test("bytes of another format are refused, or are another value; never a crash or a hang", () => {
  const types = codec();
  const json = new TextEncoder().encode('{"a":1}');
  assertThrows(() => types.decode(json, json.length), {
    type: DecodeError,
    code: "DINOMO_DECODE",
    says: /not a msgpack value/,
  });
  assert.throws(() => types.decode(new Uint8Array(0), 0), (e: unknown) => e instanceof DecodeError);
});

test("a text alone is the same from a Buffer and from other bytes, whatever is behind it", () => {
  const types = codec();
  for (const piece of ["x", "\u00e4", "\u{1f600}", "\ufeff"]) {
    for (const count of [3, 7, 8, 15, 16, 31, 32, 63, 127, 128, 255, 256]) {
      const text = piece.repeat(count);
      const { bytes, length } = encoded(types, text);
      for (const room of [Buffer.alloc(2000, "x"), new Uint8Array(2000)]) {
        room.set(bytes.subarray(0, length));
        assert.is(types.decode(room, length), text, `${piece} ${count} times`);
      }
    }
  }
  const [short, long] = [Buffer.alloc(40, "x"), Buffer.alloc(40, "x")];
  short[0] = 0xa0 + 20;
  long.set([0xd9, 20]);
  for (const bytes of [short, long]) {
    assert.throws(() => types.decode(bytes, 18), (e: unknown) => e instanceof DecodeError);
    assert.throws(() => types.decode(bytes, 30), (e: unknown) => e instanceof DecodeError);
  }
});

function corrupt(random: Random, types: MsgpackCodec<unknown>, value: unknown): void {
  const { bytes, length } = encoded(types, value);
  for (let i = random.between(1, 3); i > 0; i--) bytes[random.below(length)] = random.below(256);
  try {
    types.decode(bytes, random.below(8) === 0 ? random.below(length) : length);
  } catch (error) {
    assert.instance(error, DecodeError, String(error));
  }
}

test(
  "damaged bytes give a value or a DecodeError, and do no harm to what comes after",
  seeded((random) => {
    const structures = new MemoryStructures();
    const [types, reader] = [codec(structures), codec(structures)];
    const small = VALUES.filter((value) => shown(value).length < 40);
    const good = { id: 7, name: "good", list: [1, 2, 3], at: new Date(9) };
    for (let i = 0; i < FUZZ_COUNT; i++) {
      corrupt(random, types, random.below(2) === 0 ? good : random.pick(small));
      if (i % 10 === 0) {
        assert.equal(roundTrip(types, types, good), good, `after ${i}`);
        assert.equal(roundTrip(types, reader, good), good, `after ${i}, by another codec`);
      }
    }
  }),
);

test.run();
