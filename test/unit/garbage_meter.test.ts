/**
 * When collections are asked for.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GarbageCollector } from "../../lib/platform/garbage_collector.ts";
import { collectGone, GarbageMeter } from "../../lib/client/garbage_meter.ts";
import { DECODED_FACTOR, GARBAGE_BYTES_MIN, GROWTH_BYTES_MIN } from "../../lib/core/limits.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Encoded bytes of a value that counts as a MiB. */
const VALUE_BYTES = MIB / DECODED_FACTOR;

/** A collector that says and does nothing but what is given. */
function collectorOf(given: Partial<GarbageCollector>): GarbageCollector {
  const nothing = { heapBytes: () => 0, residentBytes: () => GIB, request() {}, collect() {} };
  return { ...nothing, ...given };
}

/** How many collections so much garbage causes. */
function requests(garbageBytes: number, sharedBytes: number, heapBytes: number): number {
  let count = 0;
  const collector = collectorOf({ heapBytes: () => heapBytes, request: () => count += 1 });
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

test("buffers that are let go are collected when they are many", () => {
  let count = 0;
  const collector = collectorOf({ collect: () => count += 1 });
  collectGone(GARBAGE_BYTES_MIN, collector);
  assert.is(count, 1, "whatever was counted before");
  for (let i = 0; i < 63; i++) collectGone(GARBAGE_BYTES_MIN / 64, collector);
  assert.is(count, 1);
  collectGone(GARBAGE_BYTES_MIN / 64, collector);
  assert.is(count, 2);
  collectGone(1024, collector);
  assert.is(count, 2, "it begins anew");
});

test("beside a small pool none: the runtime does it in time", () => {
  assert.is(requests(GIB, GARBAGE_BYTES_MIN - 1, 0), 0);
});

/** Full collections while so much is allocated, of which a share stays until the next one. */
function collections(garbageBytes: number, keptBytes: number, stayingShare: number): number {
  let count = 0;
  let residentBytes = GIB + keptBytes;
  const collector = collectorOf({
    residentBytes: () => residentBytes,
    collect: () => {
      count += 1;
      residentBytes = GIB + keptBytes;
    },
  });
  const meter = new GarbageMeter(() => GIB, collector);
  let residentMax = 0;
  for (let i = 0; i < garbageBytes / MIB; i++) {
    residentBytes += MIB * stayingShare;
    meter.count(VALUE_BYTES);
    residentMax = Math.max(residentMax, residentBytes);
  }
  const heldBytes = residentMax - GIB - keptBytes;
  const limit = Math.max(GROWTH_BYTES_MIN, keptBytes / 4) + 2 * GARBAGE_BYTES_MIN;
  assert.ok(heldBytes <= limit, `held ${heldBytes / MIB} MiB`);
  return count;
}

test("what is kept and then replaced is bounded by full collections", () => {
  const count = collections(8 * GIB, 0, 1);
  assert.ok(count >= 40 && count <= 64, `${count}`);
});

test("beside much that is kept, full collections are as rare as they are dear", () => {
  const count = collections(8 * GIB, 4 * GIB, 1);
  assert.ok(count >= 6 && count <= 8, `${count}`);
});

test("what dies young causes no full collections", () => {
  assert.is(collections(8 * GIB, 0, 0), 0);
});

test("what has been given back may not grow again unseen", () => {
  let [count, residentBytes] = [0, 3 * GIB];
  const collector = collectorOf({
    residentBytes: () => residentBytes,
    collect: () => count += 1,
  });
  const meter = new GarbageMeter(() => GIB, collector);
  const look = () => {
    for (let i = 0; i <= GARBAGE_BYTES_MIN / MIB; i++) meter.count(VALUE_BYTES);
  };
  look();
  residentBytes = GIB;
  look();
  assert.is(count, 0);
  residentBytes = GIB + 2 * GROWTH_BYTES_MIN;
  look();
  assert.is(count, 1);
});

test("small values count, too", () => {
  let count = 0;
  const collector = collectorOf({ request: () => count += 1 });
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
