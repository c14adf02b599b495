/**
 * What is put comes back: everything that `structuredClone` takes.
 *
 * @module
 */
import fc from "fast-check";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TagReader, toTaggedJson } from "../../lib/codec/tagged_json.ts";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { MsgpackPicker } from "../../lib/codec/msgpack_picker.ts";
import { partsAt } from "../../lib/codec/picked_parts.ts";
import { MARK } from "../../lib/codec/special_values.ts";
import { SEED } from "../support/random.ts";
import { encoded, MemoryStructures } from "../support/structures.ts";
import { anyStored, inWords } from "../support/values.ts";

const RUNS = Number(process.env["DINOMO_VALUES"] ?? 3000);
const PICKED_RUNS = Math.ceil(RUNS / 3);

test("everything comes back as it was, by any codec of the pool", () => {
  const structures = new MemoryStructures();
  const codecs = [0, 1].map(() => new MsgpackCodec<unknown>(structures));
  fc.assert(
    fc.property(anyStored, fc.nat(1), fc.nat(1), (value, from, to) => {
      const words = inWords(value);
      const { bytes, length } = encoded(codecs[from]!, value);
      assert.is(inWords(value), words, "encoding has changed it");
      const back = codecs[to]!.decode(bytes, length);
      assert.is(inWords(back), words);
      bytes.fill(0xee);
      assert.is(inWords(back), words, "the buffer was used again");
    }),
    { numRuns: RUNS, seed: SEED | 0 },
  );
});

/** Names of properties of a value, and of those of their values. */
function pathsIn(value: unknown): string[] {
  if (!isPlain(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    name,
    ...pathsIn(inner).map((path) => `${name}.${path}`),
  ]);
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

/** What is at some paths of a value, each of them names. */
function partOf(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (!isPlain(value) || paths.some(({ length }) => length === 0)) return value;
  const parts: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value)) {
    const rests = paths.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (rests.length > 0) parts.push([name, partOf(inner, rests)]);
  }
  return Object.fromEntries(parts);
}

test("what is picked is part of what comes back, and picked as one if that can be", () => {
  const structures = new MemoryStructures();
  const codec = new MsgpackCodec<unknown>(structures);
  const stored = fc.oneof(
    anyStored,
    fc.dictionary(fc.constantFrom("id", "name", "tags", "a"), anyStored, { noNullPrototype: true }),
  );
  const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
  const others = fc.array(fc.constantFrom("id", "name.a", "a.b.c", "__proto__", "\ud800", "x"));
  let wholeCount = 0;
  fc.assert(
    fc.property(stored, choices, others, (value, chosen, other) => {
      const all = pathsIn(value);
      const paths = [...chosen.map((i) => all[i % all.length] ?? "id"), ...other];
      const { bytes, length } = encoded(codec, value);
      const source = {
        decode(whole: Uint8Array, wholeLength: number) {
          wholeCount += bytes[0] === MARK ? 0 : 1;
          return codec.decode(whole, wholeLength);
        },
        decodePart: codec.decodePart.bind(codec),
        structures: codec.structures.bind(codec),
      };
      const picked = new MsgpackPicker(source, partsAt(paths)).decode(bytes, length);
      const part = partOf(codec.decode(bytes, length), paths.map((path) => path.split(".")));
      const words = inWords(part);
      assert.is(inWords(picked), words);
      bytes.fill(0xee);
      assert.is(inWords(picked), words, "the buffer was used again");
    }),
    { numRuns: PICKED_RUNS, seed: SEED | 0 },
  );
  // Those whose parts refer to names before them.
  assert.ok(wholeCount < PICKED_RUNS / 10, `${wholeCount} were decoded whole`);
});

test("a value that a dump has written is restored as it was", () => {
  fc.assert(
    fc.property(anyStored, (value) => {
      const back = new TagReader().read(JSON.parse(toTaggedJson(value)));
      assert.is(inWords(back), inWords(value));
    }),
    { numRuns: Math.ceil(RUNS / 3), seed: SEED | 0 },
  );
});

test.run();
