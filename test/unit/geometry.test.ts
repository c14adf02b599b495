/**
 * Sizes of a pool and of its regions, up to the largest.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AssertionError } from "../../lib/core/assert.ts";
import type { PoolAddress, SegmentId } from "../../lib/core/brands.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";

const GIB = 2 ** 30;

test("capacity is rounded down to whole segments", () => {
  const geometry = geometryOf(100_000, 4096);
  assert.is(geometry.segmentCount, 24);
  assert.is(geometry.segmentBytes, 4096);
  assert.is(2 ** geometry.segmentShift * 8, 4096);
});

test("the index has a bucket for every slot at least, and may grow to half of the capacity", () => {
  assert.ok(geometryOf(64 * 1024, 4096).bucketCount > 4096);
  assert.is(geometryOf(GIB, 2 ** 23).bucketCount, GIB / 2 / 64);
});

test("impossible sizes are bugs of the caller", () => {
  const impossible: readonly [number, number][] = [
    [64 * 1024, 5000],
    [64 * 1024, 2048],
    [64 * 1024, 16 * 1024],
    [33 * GIB, 2 ** 23],
    [GIB, 4096],
  ];
  for (const [capacityBytes, segmentBytes] of impossible) {
    assert.throws(
      () => geometryOf(capacityBytes, segmentBytes),
      (error: unknown) => error instanceof AssertionError,
    );
  }
});

test("a pool of many regions reaches every segment by its address", () => {
  // Pages are committed on first touch, so this costs address space only.
  const pool = Pool.create(geometryOf(8 * GIB, 2 ** 29), [1, 2]);
  assert.is(pool.words.length, 8);
  assert.is(pool.index.length, 4);
  const seen = new Set<string>();
  for (let segment = 0; segment < pool.geometry.segmentCount; segment++) {
    const address = pool.segmentAddress(segment as SegmentId);
    assert.is(address, address | 0, "addresses are int32");
    assert.is(pool.segmentOf(address), segment);
    const last = (address + 2 ** 26 - 1) as PoolAddress;
    assert.is(pool.segmentOf((last | 0) as PoolAddress), segment, "its last unit too");
    const region = pool.words.indexOf(pool.wordsOf(address));
    assert.is(region, Math.floor(segment / 2));
    assert.is(pool.bytes.indexOf(pool.bytesOf(address)), region);
    assert.is(pool.wordAt(address), (segment % 2) * 2 ** 27);
    seen.add(`${region}:${pool.wordAt(address)}`);
  }
  assert.is(seen.size, 16, "no two segments share a place");
});

test("another thread's view is of the same memory", () => {
  const pool = Pool.create(geometryOf(64 * 1024, 4096), [3, 4]);
  const other = Pool.attach(pool.handle);
  pool.words[0]![100] = 7;
  pool.index[0]![100] = 8;
  pool.control[pool.slots] = 9;
  assert.is(other.words[0]![100], 7);
  assert.is(other.index[0]![100], 8);
  assert.is(other.control[other.slots], 9);
  assert.equal(other.hashKey, [3, 4]);
});

test("what is not a pool is not attached", () => {
  const pool = Pool.create(geometryOf(64 * 1024, 4096), [3, 4]);
  const control = new SharedArrayBuffer(pool.handle.control.byteLength);
  assert.throws(() => Pool.attach({ ...pool.handle, control }), /the handle is of a pool/);
});

test.run();
