/**
 * Buckets: extents, overflow buckets and their free list, until the index is full, and across regions.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BucketId, NO_BUCKET } from "../../lib/core/brands.ts";
import { BUCKET_WORDS, bucketRegion, bucketWord } from "../../lib/index/bucket_layout.ts";
import { indexBytes, IndexSpace } from "../../lib/index/index_space.ts";
import { INDEX_SPACE_LOCK, INDEX_SPACE_NEXT } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";

/** Buckets of an index region of 1 GiB. */
const REGION_BUCKETS = 2 ** 24;

test("extents follow each other, and never hold bucket 0", () => {
  const { space } = new PoolFixture({ bucketCount: 64 });
  assert.is(space.allocateExtent(1), 1);
  assert.is(space.allocateExtent(8), 2);
  assert.is(space.allocateOverflow(), 10);
  assert.is(space.allocateExtent(1), 11);
});

test("an extent that does not fit is refused, and leaves what is there to smaller ones", () => {
  const { space } = new PoolFixture({ bucketCount: 16 });
  assert.is(space.allocateExtent(8), 1);
  assert.is(space.allocateExtent(8), NO_BUCKET);
  assert.is(space.allocateExtent(4), 9);
  for (const bucket of [13, 14, 15]) assert.is(space.allocateOverflow(), bucket);
  assert.is(space.allocateOverflow(), NO_BUCKET);
  assert.is(space.allocateExtent(1), NO_BUCKET);
});

test("overflow buckets come back empty, the last one first", () => {
  const { pool, space } = new PoolFixture({ bucketCount: 16 });
  const buckets = [space.allocateOverflow(), space.allocateOverflow(), space.allocateOverflow()];
  for (const bucket of buckets) {
    const at = bucketWord(bucket);
    bucketRegion(pool.index, bucket).fill(7, at, at + BUCKET_WORDS - 1);
    space.freeOverflow(bucket);
  }
  assert.equal(indexBytes(pool), { allocated: 3 * 64, free: 3 * 64 });
  for (const bucket of buckets.toReversed()) {
    assert.is(space.allocateOverflow(), bucket);
    const at = bucketWord(bucket);
    const words = bucketRegion(pool.index, bucket).subarray(at, at + BUCKET_WORDS - 1);
    const addressesAndLink = words.filter((_, i) => i % 2 === 1 || i === BUCKET_WORDS - 2);
    assert.ok(addressesAndLink.every((word) => word === 0), `bucket ${bucket} is empty`);
  }
  assert.equal(indexBytes(pool), { allocated: 3 * 64, free: 0 });
});

test(
  "whatever is given out is given out once",
  seeded((random) => {
    const { pool, space } = new PoolFixture({ bucketCount: 256 });
    const spaces = [space, new IndexSpace(pool, 1), new IndexSpace(pool, 2)];
    const held = new Set<BucketId>();
    let extents = 0;
    for (let i = 0; i < 3000; i++) {
      const by = random.pick(spaces);
      if (random.below(3) === 0 && held.size > 0) {
        const bucket = random.pick([...held]);
        held.delete(bucket);
        by.freeOverflow(bucket);
      } else if (random.below(50) === 0) {
        const count = 2 ** random.below(4);
        const first = by.allocateExtent(count);
        if (first === NO_BUCKET) continue;
        extents += count;
        for (let j = 0; j < count; j++) assert.not(held.has((first + j) as BucketId));
      } else {
        const bucket = by.allocateOverflow();
        if (bucket === NO_BUCKET) {
          assert.ok(held.size + extents >= 256 - 16, "full only when everything is in use");
          continue;
        }
        assert.not(held.has(bucket), `bucket ${bucket} was given out twice`);
        held.add(bucket);
      }
    }
    const { allocated, free } = indexBytes(pool);
    assert.is(allocated / 64, held.size + extents + free / 64);
    assert.is(pool.control[INDEX_SPACE_LOCK], 0, "the lock is free");
  }),
);

test("an extent lies in one region", () => {
  const regions = (REGION_BUCKETS * 3) / 2;
  // Two regions; pages are committed on first touch, so their size costs nothing.
  const pool = Pool.create(
    { segmentBytes: 4096, segmentCount: 16, segmentShift: 9, bucketCount: regions },
    [1, 2],
  );
  const space = new IndexSpace(pool, 0);
  pool.control[INDEX_SPACE_NEXT] = REGION_BUCKETS - 3;
  const extent = space.allocateExtent(4);
  assert.is(extent, REGION_BUCKETS, "it would straddle the border, so it starts behind it");
  assert.is(bucketRegion(pool.index, extent), pool.index[1]);
  assert.is(bucketWord(extent), 0);
  pool.control[INDEX_SPACE_NEXT] = REGION_BUCKETS - 4;
  assert.is(space.allocateExtent(4), REGION_BUCKETS - 4, "it ends exactly at the border");
  assert.is(space.allocateOverflow(), REGION_BUCKETS);
});

test.run();
