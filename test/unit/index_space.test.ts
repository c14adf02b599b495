/**
 * Buckets: extents, overflow buckets and their free list, until the index is full, and across
 * regions.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BucketId, NO_BUCKET } from "../../lib/core/brands.ts";
import {
  BUCKET_WORDS,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../../lib/index/bucket_layout.ts";
import { indexBytes, IndexSpace, repairIndexSpace } from "../../lib/index/index_space.ts";
import {
  INDEX_SPACE_FREE_COUNT,
  INDEX_SPACE_LOCK,
  INDEX_SPACE_NEXT,
} from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";
import { dieAtEveryMoment } from "../support/sim_death.ts";
import { interruptAt } from "../support/sim_duel.ts";

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

test("doubling takes nothing that insertions may count on", () => {
  const { pool, space: other } = new PoolFixture({ bucketCount: 16 });
  const space = new IndexSpace(pool, 1, 8);
  other.freeOverflow(other.allocateOverflow());
  assert.is(space.allocateForDoubling(4), 2);
  assert.is(space.allocateForDoubling(4), NO_BUCKET);
  for (const bucket of [6, 7]) assert.is(space.allocateOverflowForDoubling(), bucket);
  assert.is(space.allocateOverflowForDoubling(), NO_BUCKET, "and no free bucket either");
  assert.is(space.allocateForDoubling(1), NO_BUCKET);
  const left = Array.from({ length: 9 }, () => space.allocateOverflow());
  assert.equal(left, [1, 8, 9, 10, 11, 12, 13, 14, 15]);
});

test("overflow buckets come back empty, the last one first", () => {
  const { pool, space } = new PoolFixture({ bucketCount: 16 });
  const buckets = [space.allocateOverflow(), space.allocateOverflow(), space.allocateOverflow()];
  for (const bucket of buckets) {
    const at = bucketWord(bucket);
    bucketRegion(pool, bucket).fill(7, at, at + BUCKET_WORDS - 1);
    space.freeOverflow(bucket);
  }
  assert.equal(indexBytes(pool), { allocated: 3 * 64, free: 3 * 64 });
  for (const bucket of buckets.toReversed()) {
    assert.is(space.allocateOverflow(), bucket);
    const at = bucketWord(bucket);
    const words = bucketRegion(pool, bucket).subarray(at, at + BUCKET_WORDS - 1);
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
  assert.is(bucketRegion(pool, extent), pool.index[1]);
  assert.is(bucketWord(extent), 0);
  pool.control[INDEX_SPACE_NEXT] = REGION_BUCKETS - 4;
  assert.is(space.allocateExtent(4), REGION_BUCKETS - 4, "it ends exactly at the border");
  assert.is(space.allocateOverflow(), REGION_BUCKETS);
});

const [OWNER, OTHER] = [0, 1];
const STARTING_BUCKETS = 6;

/** A pool with a few buckets that are in use, and a few that are free. */
function usedFixture(): { pool: Pool; held: BucketId[]; owner: IndexSpace; other: IndexSpace } {
  const { pool } = new PoolFixture({ bucketCount: 64 });
  const owner = new IndexSpace(pool, OWNER);
  const other = new IndexSpace(pool, OTHER);
  const buckets = Array.from({ length: STARTING_BUCKETS }, () => owner.allocateOverflow());
  for (const bucket of buckets.slice(0, 3)) owner.freeOverflow(bucket);
  return { pool, held: buckets.slice(3), owner, other };
}

/** What an agent does; it says which buckets it has then, of one that it had. */
const OPERATIONS: readonly {
  readonly name: string;
  readonly run: (space: IndexSpace, held: BucketId) => BucketId[];
}[] = [
  { name: "an extent", run: (space, held) => [held, space.allocateExtent(1)] },
  { name: "an overflow bucket", run: (space, held) => [held, space.allocateOverflow()] },
  { name: "a return", run: (space, held) => (space.freeOverflow(held), []) },
];

/**
 * Takes everything that can be had, and checks that each bucket is handed out once; returns how
 * many are left over.
 */
function exhaust(pool: Pool, space: IndexSpace, held: readonly BucketId[]): number {
  const seen = new Set(held);
  assert.is(seen.size, held.length, "no bucket is held twice");
  for (;;) {
    const bucket = space.allocateOverflow();
    if (bucket === NO_BUCKET) break;
    assert.not(seen.has(bucket), `bucket ${bucket} was handed out twice`);
    seen.add(bucket);
    const at = bucketWord(bucket);
    const words = bucketRegion(pool, bucket).subarray(at, at + BUCKET_WORDS - 1);
    assert.ok(words.every((word, i) => i % 2 === 0 && i < PAIR_WORDS || word === 0), "it is empty");
  }
  assert.is(pool.control[INDEX_SPACE_FREE_COUNT], 0, "free buckets are counted");
  return pool.geometry.bucketCount - 1 - seen.size;
}

test("whoever dies anywhere loses one bucket at most, and no bucket is handed out twice", () => {
  for (const { name, run } of OPERATIONS) {
    const deaths = dieAtEveryMoment((die) => {
      const { pool, held, owner, other } = usedFixture();
      let holds: BucketId[] = [];
      const hasDied = die(() => holds = run(owner, held[0]!));
      repairIndexSpace(pool, OTHER);
      const isLocked = pool.control[INDEX_SPACE_LOCK] !== 0;
      assert.not(isLocked && !hasDied, "a lock is given back");
      repairIndexSpace(pool, OWNER);
      assert.is(pool.control[INDEX_SPACE_LOCK], 0, "the dead holder's lock is free");
      const lost = exhaust(pool, other, [...holds, ...held.slice(1)]);
      // It had one in its hands already, which nobody else has either.
      const lostMax = hasDied ? (name === "a return" ? 1 : 2) : 0;
      assert.ok(lost <= lostMax, `${name}: ${lost} buckets are lost`);
    });
    assert.ok(deaths > 1, `${name}: ${deaths} deaths`);
  }
});

test("a repair leaves the lock of another agent alone", () => {
  const { pool } = usedFixture();
  pool.control[INDEX_SPACE_LOCK] = OTHER + 1;
  pool.control[INDEX_SPACE_FREE_COUNT] = 99;
  repairIndexSpace(pool, OWNER);
  assert.is(pool.control[INDEX_SPACE_LOCK], OTHER + 1);
  repairIndexSpace(pool, OTHER);
  assert.is(pool.control[INDEX_SPACE_LOCK], 0);
  assert.is(pool.control[INDEX_SPACE_FREE_COUNT], 3);
});

test("nobody waits for one that stalls anywhere, and what was kept meanwhile comes back", () => {
  for (const outer of OPERATIONS) {
    for (const inner of OPERATIONS) {
      for (let at = 0, isOver = false; !isOver; at++) {
        const { pool, held, owner, other } = usedFixture();
        const buckets: BucketId[] = [held[2]!];
        isOver = !interruptAt(
          at,
          () => buckets.push(...outer.run(owner, held[0]!)),
          () => buckets.push(...inner.run(other, held[1]!)),
        );
        if (isOver) buckets.push(held[1]!);
        // The free list is free again, and so is what one of the two may have kept.
        for (const space of [owner, other]) space.freeOverflow(space.allocateExtent(1));
        const lost = exhaust(pool, new IndexSpace(pool, OTHER), buckets);
        assert.is(lost, 0, `${inner.name} while ${outer.name} stalls at ${at}`);
      }
    }
  }
});

test("what an agent keeps because it does not get the lock, it uses itself", () => {
  const { pool, held, owner, other } = usedFixture();
  pool.control[INDEX_SPACE_LOCK] = OTHER + 1;
  const before = indexBytes(pool);
  for (const bucket of held) owner.freeOverflow(bucket);
  assert.equal(indexBytes(pool), before, "the free list is as it was");
  assert.is(owner.allocateOverflow(), held[2]);
  const next = pool.control[INDEX_SPACE_NEXT]!;
  assert.is(other.allocateOverflow(), next, "others take a fresh one");
  pool.control[INDEX_SPACE_LOCK] = 0;
  owner.freeOverflow(held[2]!);
  assert.is(indexBytes(pool).free / 64, 3 + held.length, "all of them are returned at once");
  assert.is(exhaust(pool, other, [next as BucketId]), 0);
});

test.run();
