/**
 * Values as JSON with tags: everything comes back as it was, and what is not a tag is refused.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeTagged, encodeTagged } from "../../lib/codec/tagged_bytes.ts";
import { TagReader, toTaggedJson } from "../../lib/codec/tagged_json.ts";
import { FrameError } from "../../lib/wire/frame.ts";
import { type Random, seeded } from "../support/random.ts";

/** A value, and how it is written. */
const CASES: readonly [unknown, string][] = [
  ["text \u2028 \ud800 \0", '"text \u2028 \\ud800 \\u0000"'],
  [null, "null"],
  [true, "true"],
  [0.1, "0.1"],
  [1e300, "1e+300"],
  [5e-324, "5e-324"],
  [-0, '{"$number":"-0"}'],
  [NaN, '{"$number":"NaN"}'],
  [Infinity, '{"$number":"Infinity"}'],
  [-Infinity, '{"$number":"-Infinity"}'],
  [undefined, '{"$undefined":true}'],
  [-(2n ** 70n), '{"$bigint":"-1180591620717411303424"}'],
  [[undefined, [], [null]], '[{"$undefined":true},[],[null]]'],
  [Uint8Array.of(0, 255, 16), '{"$bytes":"AP8Q"}'],
  [new Uint8Array(0), '{"$bytes":""}'],
  [Uint8Array.of(9, 1, 2, 9).subarray(1, 3), '{"$bytes":"AQI="}'],
  [Float32Array.of(1.5), '{"$typed":["Float32Array","AADAPw=="]}'],
  [BigInt64Array.of(-1n), '{"$typed":["BigInt64Array","//////////8="]}'],
  [new Uint8ClampedArray(1), '{"$typed":["Uint8ClampedArray","AA=="]}'],
  [Uint8Array.of(1, 2).buffer, '{"$typed":["ArrayBuffer","AQI="]}'],
  [new DataView(Uint8Array.of(7).buffer), '{"$typed":["DataView","Bw=="]}'],
  [new Date(1234), '{"$date":1234}'],
  [new Date(-1), '{"$date":-1}'],
  [new Date(NaN), '{"$date":null}'],
  [new Map([[{ a: 1 }, new Map()]]), '{"$map":[[{"a":1},{"$map":[]}]]}'],
  [new Set([1n, "x"]), '{"$set":[{"$bigint":"1"},"x"]}'],
  [/a\/"b/giu, '{"$regexp":["a\\\\/\\"b","giu"]}'],
  [{}, "{}"],
  [{ a: undefined, "": NaN }, '{"a":{"$undefined":true},"":{"$number":"NaN"}}'],
  [{ $date: 5 }, '{"$object":{"$date":5}}'],
  [{ $date: 5, b: 1 }, '{"$date":5,"b":1}'],
  [{ $: { $object: {} } }, '{"$object":{"$":{"$object":{"$object":{}}}}}'],
  [JSON.parse('{"__proto__":{"$a":1},"b":2}'), '{"__proto__":{"$object":{"$a":1}},"b":2}'],
];

function read(json: string): unknown {
  return new TagReader().read(JSON.parse(json));
}

test("each kind of value has its form, and comes back", () => {
  for (const [value, json] of CASES) {
    assert.is(toTaggedJson(value), json);
    const back = read(json);
    assert.is(toTaggedJson(back), json);
    if (typeof value !== "object" || value === null) assert.ok(Object.is(back, value), json);
    else assert.is(Object.getPrototypeOf(back), Object.getPrototypeOf(value), json);
    // uvu does not take an invalid date for equal to itself.
    if (json !== '{"$date":null}') assert.equal(back, value, json);
  }
});

test("an error keeps name, message, stack and what else it has", () => {
  const error = Object.assign(new TypeError("no", { cause: [1n] }), { code: "E" });
  error.stack = "at home";
  const json = '{"$error":["TypeError","no","at home",["code","E"],["cause",[{"$bigint":"1"}]]]}';
  assert.is(toTaggedJson(error), json);
  const back = read(json) as TypeError & { code: string };
  assert.ok(back instanceof TypeError);
  assert.equal([back.name, back.message, back.stack], ["TypeError", "no", "at home"]);
  assert.equal([back.code, back.cause, Object.keys(back)], ["E", [1n], ["code"]]);
  for (const text of ['{"$error":["Error","",null]}', '{"$exception":["AbortError","a","b"]}']) {
    assert.is(toTaggedJson(read(text)), text);
  }
  assert.ok(read('{"$exception":["AbortError","a",null]}') instanceof DOMException);
});

test("holes are written as undefined", () => {
  // deno-lint-ignore no-sparse-arrays
  assert.is(toTaggedJson([1, , 2]), '[1,{"$undefined":true},2]');
});

test("no property of a value changes a prototype", () => {
  const value = read('{"a":{"__proto__":{"$map":[]}}}') as { a: object };
  assert.is(Object.getPrototypeOf(value.a), Object.prototype);
  assert.ok(Object.hasOwn(value.a, "__proto__"));
});

test("what is no data is refused", () => {
  class Point {}
  for (const value of [() => {}, Symbol("x"), new Point(), [new WeakMap()]]) {
    assert.throws(() => toTaggedJson(value), /value must be data, got one that contains/);
  }
});

test("a tag that is unknown or malformed is refused", () => {
  const refused = [
    '{"$":1}',
    '{"$int":1}',
    '{"$number":"1"}',
    '{"$number":1}',
    '{"$number":"toString"}',
    '{"$undefined":false}',
    '{"$bigint":"0x1"}',
    '{"$bigint":""}',
    '{"$bigint":1}',
    '{"$date":"2020"}',
    '{"$date":1e300}',
    '{"$date":0.5}',
    '{"$bytes":"A"}',
    '{"$bytes":"AP8Q\\n"}',
    '{"$bytes":"AP-_"}',
    '{"$bytes":[1]}',
    '{"$typed":["Uint8Array","AA=="]}',
    '{"$typed":["Int32Array","AA=="]}',
    '{"$typed":["Object","AA=="]}',
    '{"$typed":["constructor","AA=="]}',
    '{"$typed":["DataView"]}',
    '{"$map":[[1]]}',
    '{"$map":{"a":1}}',
    '{"$set":1}',
    '{"$regexp":["(","g"]}',
    '{"$regexp":["a"]}',
    '{"$error":["a","b"]}',
    '{"$error":["a","b",1]}',
    '{"$error":["a","b",null,["c"]]}',
    '{"$error":["a","b",null,[1,2]]}',
    '{"$exception":["a","b"]}',
    '{"$exception":["a","b",null,1]}',
    '{"$object":1}',
    '{"a":[{"b":{"$nothing":{}}}]}',
  ];
  for (const json of refused) {
    assert.throws(() => read(json), /must be a tag, got \{/, json);
  }
});

test("bytes that are no JSON with tags are refused, however deep they are nested", () => {
  const nested = (count: number) => "[".repeat(count) + "]".repeat(count);
  const refused = ["{", '"\ud800', '{"$nothing":1}', nested(1_000_000)];
  const isFrameError = (error: unknown) => error instanceof FrameError;
  for (const text of refused) {
    assert.throws(() => decodeTagged(new TextEncoder().encode(text)), isFrameError);
  }
  assert.throws(() => decodeTagged(Uint8Array.of(34, 255, 34)), isFrameError);
  assert.equal(decodeTagged(encodeTagged([new Date(1), 2n])), [new Date(1), 2n]);
});

test("only tags that say what JSON cannot count as foreign", () => {
  const tags = new TagReader();
  tags.read(JSON.parse('{"a":[{"$object":{"$x":1}}],"$b":1}'));
  assert.is(tags.foreignTag, undefined);
  tags.read(JSON.parse('[1,{"$date":1},{"$set":[]}]'));
  assert.is(tags.foreignTag, "$date");
});

/** Any value, at most so deep. */
function anyValue(random: Random, depth: number): unknown {
  if (depth === 0 || random.below(3) === 0) return random.pick(CASES)[0];
  const items = Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1));
  switch (random.below(4)) {
    case 0:
      return items;
    case 1:
      return new Set(items);
    case 2:
      return new Map(items.map((item) => [anyValue(random, depth - 1), item]));
    default:
      return Object.fromEntries(items.map((item, i) => [random.pick(["$a", "b", `c${i}`]), item]));
  }
}

test(
  "any value comes back",
  seeded((random) => {
    for (let i = 0; i < 500; i++) {
      const json = toTaggedJson(anyValue(random, 4));
      assert.is(toTaggedJson(read(json)), json);
    }
  }),
);

test.run();
