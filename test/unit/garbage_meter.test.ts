/**
 * When collections are asked for.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GarbageMeter } from "../../lib/client/garbage_meter.ts";
import { DECODED_FACTOR, GARBAGE_BYTES_MIN } from "../../lib/core/limits.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Encoded bytes of a value that counts as a MiB. */
const VALUE_BYTES = MIB / DECODED_FACTOR;

/** How many collections so much garbage causes. */
function requests(garbageBytes: number, sharedBytes: number, heapBytes: number): number {
  let count = 0;
  const collector = { heapBytes: () => heapBytes, request: () => count += 1, collect: () => {} };
  const meter = new GarbageMeter(() => sharedBytes, collector);
  for (let i = 0; i < garbageBytes / MIB; i++) meter.count(VALUE_BYTES);
  return count;
}

test("beside a large pool, one for as much garbage as is tolerable", () => {
  const count = requests(GIB, GIB, 0);
  assert.ok(count >= 15 && count <= 17, `${count}`);
});

test("beside a large heap, one for as much garbage as it holds", () => {
  const count = requests(8 * GIB, GIB, 512 * MIB);
  assert.ok(count >= 15 && count <= 17, `${count}`);
});

test("beside a heap of any size now and then", () => {
  assert.ok(requests(8 * GIB, GIB, 100 * GIB) >= 7);
});

test("beside a small pool none: the runtime does it in time", () => {
  assert.is(requests(GIB, GARBAGE_BYTES_MIN - 1, 0), 0);
});

test("small values count, too", () => {
  let count = 0;
  const collector = { heapBytes: () => 0, request: () => count += 1, collect: () => {} };
  const meter = new GarbageMeter(() => GIB, collector);
  for (let i = 0; i < 1_000_000; i++) meter.count(5);
  assert.ok(count >= 2 && count <= 5, `${count}`);
});

test("a runtime that does it all by itself is asked for nothing", () => {
  let looks = 0;
  const meter = new GarbageMeter(() => looks++, undefined);
  for (let i = 0; i < 10_000; i++) meter.count(VALUE_BYTES);
  assert.is(looks, 0);
});

test.run();
