/**
 * What is put comes back: everything that `structuredClone` takes.
 *
 * @module
 */
import fc from "fast-check";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TagReader, toTaggedJson } from "../../lib/cli/tagged_json.ts";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { SEED } from "../support/random.ts";
import { encoded, MemoryStructures } from "../support/structures.ts";
import { anyStored, inWords } from "../support/values.ts";

const RUNS = Number(process.env["DINOMO_VALUES"] ?? 3000);

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
