/**
 * Parts of values, decoded without the others.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { MsgpackPicker } from "../../lib/codec/msgpack_picker.ts";
import { partsAt } from "../../lib/codec/picked_parts.ts";
import { DecodeError } from "../../lib/core/errors.ts";
import { encoded, MemoryStructures } from "../support/structures.ts";
import { seeded } from "../support/random.ts";
import { inWords } from "../support/values.ts";

/** A codec, and how it is used by the pickers that are made with it. */
function spied(structures = new MemoryStructures()) {
  const codec = new MsgpackCodec<unknown>(structures);
  const used = { wholes: 0, parts: 0, structures: 0 };
  const source = {
    decode(bytes: Uint8Array, length: number): unknown {
      used.wholes += 1;
      return codec.decode(bytes, length);
    },
    decodePart(bytes: Uint8Array, start: number, end: number): unknown {
      used.parts += 1;
      return codec.decodePart(bytes, start, end);
    },
    structures() {
      used.structures += 1;
      return codec.structures();
    },
  };
  const picker = (...paths: string[]) => new MsgpackPicker(source, partsAt(paths));
  return { codec, used, picker };
}

/** One of each kind of item, and what is skipped with it. */
const KINDS: readonly unknown[] = [
  0,
  63,
  64,
  -1,
  -33,
  -129,
  -32_769,
  300,
  70_000,
  2 ** 40,
  1.5,
  -0,
  null,
  undefined,
  true,
  false,
  "",
  "short",
  "x".repeat(40),
  "é".repeat(300),
  "x".repeat(70_000),
  5n,
  -(2n ** 63n),
  2n ** 64n - 1n,
  2n ** 70n,
  2n ** 4000n,
  new Date(NaN),
  new Date(1000),
  new Date(1),
  new Date(-1),
  /a/g,
  new Set([1, [2], "three"]),
  new Map<unknown, unknown>([["a", 1], [{ b: 1 }, [2]]]),
  new Map(Array.from({ length: 20 }, (_, i) => [i, String(i)])),
  new Map(Array.from({ length: 70_000 }, (_, i) => [i, 1])),
  [],
  [1, [2, [{ a: "b" }]]],
  Array.from({ length: 20 }, (_, i) => ({ i })),
  Array.from({ length: 70_000 }, () => 7),
  {},
  { a: { b: { c: 1 } } },
  Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`wide ${"x".repeat(60)} ${i}`, i])),
  Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`wide ${i}`, [i]])),
  new Uint8Array(3),
  new Float64Array(50),
  new Uint16Array(40_000),
  new DataView(new ArrayBuffer(9)),
  new ArrayBuffer(300),
];

test("items of every kind are skipped, and nothing is decoded whole for it", () => {
  for (const [i, kind] of KINDS.entries()) {
    const { codec, used, picker } = spied();
    const value = { before: i, kind, last: { kind, end: "end" }, unwanted: kind };
    const { bytes, length } = encoded(codec, value);
    const picked = picker("before", "last.end").decode(bytes, length);
    assert.equal(picked, { before: i, last: { end: "end" } }, `kind ${i}`);
    assert.is(inWords(picker("kind").decode(bytes, length)), inWords({ kind }), `kind ${i}`);
    assert.equal(used, { wholes: 0, parts: 3, structures: 2 }, `kind ${i}`);
  }
});

test("structures of every number are found, and looked up once", () => {
  const { codec, used, picker } = spied();
  const names = Array.from({ length: 100 }, (_, i) => `name ${i}`);
  const values = names.map((name, i) => ({ [name]: { skipped: i }, id: { i } }));
  const all = values.map((value) => encoded(codec, value));
  const some = picker("id.i");
  for (let round = 0; round < 3; round++) {
    all.forEach(({ bytes, length }, i) => {
      assert.equal(some.decode(bytes, length), { id: { i } });
    });
  }
  assert.is(used.wholes, 0);
  assert.is(used.structures, 1);
});

test("a structure that another thread has added is looked up", () => {
  const structures = new MemoryStructures();
  const { used, picker } = spied(structures);
  const one = picker("id");
  for (let i = 0; i < 40; i++) {
    const other = new MsgpackCodec<unknown>(structures);
    const { bytes, length } = encoded(other, { [`name ${i}`]: i, id: i });
    assert.equal(one.decode(bytes, length), { id: i });
  }
  assert.equal(used, { wholes: 0, parts: 40, structures: 40 });
});

test("objects that refer to names in the same value are skipped, and those that do not are read", () => {
  const { codec, used, picker } = spied();
  for (let i = 0; i < 40; i++) encoded(codec, { [`name ${i}`]: 1 });
  const wide = (value: unknown) =>
    Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`n${i}`, value]));
  const value = { first: wide(1), many: [wide(2), wide([3])], other: 5, last: wide(4) };
  const { bytes, length } = encoded(codec, value);
  assert.equal(picker("other").decode(bytes, length), { other: 5 });
  assert.equal(picker("first.n3", "other").decode(bytes, length), { first: { n3: 1 }, other: 5 });
  assert.is(used.wholes, 0);
  assert.equal(picker("last").decode(bytes, length), { last: value.last });
  assert.equal(picker("last.n69").decode(bytes, length), { last: { n69: 4 } });
  assert.equal(picker("many").decode(bytes, length), { many: value.many });
});

test("names that UTF-8 cannot say are not taken for another", () => {
  const { codec, picker } = spied();
  const wide = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`n${i}`, i]));
  const { bytes, length } = encoded(codec, { ...wide, "\ufffd": "another" });
  assert.equal(picker("\ud800").decode(bytes, length), {});
  assert.equal(picker("\ufffd").decode(bytes, length), { "\ufffd": "another" });
  const odd = encoded(codec, { ["__proto__"]: { a: 1 }, "\ud800": 2, c: 3 });
  const picked = picker("__proto__.a", "\ud800").decode(odd.bytes, odd.length) as object;
  assert.equal(Object.entries(picked), [["__proto__", { a: 1 }], ["\ud800", 2]]);
});

test("one path that leads into another adds nothing to it", () => {
  const { codec, picker } = spied();
  const { bytes, length } = encoded(codec, { a: { b: 1, c: 2 }, d: 3 });
  for (const paths of [["a", "a.b"], ["a.b", "a"], ["a.b", "a.c"], ["a.c.x", "a", "a"]]) {
    assert.equal(picker(...paths).decode(bytes, length), { a: { b: 1, c: 2 } }, String(paths));
  }
});

test("what ends too early is refused if what is wanted is cut off", () => {
  const { codec, picker } = spied();
  const value = { id: 1, list: [1, "two", { three: 3 }], map: new Map([[1, 2]]), last: "end" };
  const { bytes, length } = encoded(codec, value);
  const whole = picker("id", "last");
  for (let end = 0; end < length; end++) {
    assert.throws(() => whole.decode(bytes, end), (e: unknown) => e instanceof DecodeError);
  }
  assert.equal(picker("id").decode(bytes, 3), { id: 1 });
});

test(
  "bytes that are no value end in an error, or in some value",
  seeded((random) => {
    const { codec, picker } = spied();
    const value = { id: 1, list: [1, "two", { three: 3 }], map: new Map([[1, 2]]), last: "end" };
    const { bytes, length } = encoded(codec, value);
    const both = picker("list.three", "last");
    for (let round = 0; round < 3000; round++) {
      const broken = Uint8Array.from(bytes);
      for (let i = 0; i < 3; i++) broken[random.below(length)] = random.below(256);
      try {
        both.decode(broken, length);
      } catch (error) {
        assert.instance(error, DecodeError);
      }
    }
  }),
);

test.run();
