/**
 * The sizes of segments that a pool has by default, and how much of it may be live then.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CAPACITY_BYTES_MAX, CAPACITY_BYTES_MIN } from "../../lib/core/limits.ts";
import { liveBytesMax } from "../../lib/pool/space_budget.ts";
import { sizesOf } from "../../lib/store/arguments/pool_sizes.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function segmentBytes(capacityBytes: number): number {
  return sizesOf({ capacityBytes, segmentBytes: undefined }).segmentBytes;
}

test("segments are 1/128 of the capacity, within bounds", () => {
  const sizes: readonly (readonly [number, number])[] = [
    [64 * KIB, 4 * KIB],
    [256 * KIB, 16 * KIB],
    [MIB, 64 * KIB],
    [4 * MIB, 64 * KIB],
    [8 * MIB, 64 * KIB],
    [15 * MIB, 64 * KIB],
    [64 * MIB, 512 * KIB],
    [100 * MIB, 512 * KIB],
    [1024 * MIB, 8 * MIB],
    [4096 * MIB, 8 * MIB],
  ];
  for (const [capacity, bytes] of sizes) assert.is(segmentBytes(capacity), bytes, `${capacity}`);
  assert.is(sizesOf({ capacityBytes: undefined, segmentBytes: undefined }).segmentBytes, 8 * MIB);
});

test("every capacity has a power of two, of which there are 16 or more", () => {
  for (let capacity = CAPACITY_BYTES_MIN; capacity <= CAPACITY_BYTES_MAX; capacity *= 1.37) {
    const bytes = segmentBytes(Math.floor(capacity));
    assert.is(Math.log2(bytes) % 1, 0);
    assert.ok(Math.floor(capacity / bytes) >= 16, `${capacity}`);
    assert.ok(bytes <= 8 * MIB);
  }
});

test("live data may fill about 85 % of a capacity from 8 MiB on", () => {
  for (let capacity = 8 * MIB; capacity <= 2 ** 34; capacity *= 1.21) {
    const bytes = segmentBytes(Math.floor(capacity));
    const count = Math.floor(capacity / bytes);
    const share = liveBytesMax(count, bytes, 1) / (count * bytes);
    assert.ok(share > 0.845 && share < 0.87, `${share} of ${capacity}`);
  }
  assert.ok(liveBytesMax(64, 64 * KIB, 1) / (4 * MIB) > 0.8);
});

test.run();
