/**
 * msgpackr's native decoder of texts is loaded in a thread whose values it decodes sooner, and only
 * there.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as unpacking from "msgpackr/unpack";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MsgpackCodec } from "../../lib/codec/msgpack_codec.ts";
import { NativeTexts } from "../../lib/codec/native_texts.ts";
import { MemoryStructures, roundTrip } from "../support/structures.ts";

const SHORT = { id: 1, name: "Ada Lovelace", city: "London, the capital" };
const MIDDLE = { id: 1, notes: ["x".repeat(40)] };
const LONG = { id: 1, notes: ["x".repeat(80)] };
const BYTES = 100_000;

/** How often the decoder is loaded by a thread that decodes 100 kB of some values, by turns. */
function loads(values: readonly unknown[], bytes: number, hasFastLongTexts: boolean): number {
  let count = 0;
  const texts = new NativeTexts(() => void count++, hasFastLongTexts);
  for (let i = 0; i * bytes < 4 * BYTES; i++) texts.note(values[i % values.length], bytes);
  return count;
}

test("the native decoder is loaded where it is faster for most values", () => {
  assert.is(loads([SHORT], 35, false), 0, "values that have no text of 32 bytes");
  assert.is(loads([MIDDLE], 50, false), 1);
  assert.is(loads([LONG], 90, false), 1);
  assert.is(loads([MIDDLE], 50, true), 1);
  assert.is(loads([LONG], 90, true), 0, "the runtime decodes these sooner");
  assert.is(loads([LONG, LONG, MIDDLE], 90, true), 0);
  assert.is(loads([LONG, MIDDLE, MIDDLE], 90, true), 1);
  assert.is(loads([LONG.notes[0], new Uint8Array(80), null], 90, true), 1, "bytes are no text");
});

test("reads load it", async () => {
  // What msgpackr says of itself, which its types lack.
  const isLoaded = () =>
    (unpacking as unknown as { isNativeAccelerationEnabled: boolean }).isNativeAccelerationEnabled;
  const codec = new MsgpackCodec<unknown>(new MemoryStructures());
  assert.not(isLoaded());
  for (let bytes = 0; bytes < BYTES; bytes += 40) roundTrip(codec, codec, MIDDLE);
  for (let i = 0; i < 500 && !isLoaded(); i++) await setTimeout(10);
  assert.ok(isLoaded());
});

test.run();
