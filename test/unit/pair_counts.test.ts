/**
 * The counts of reads in the buckets of the index: who raises them, that they move with their
 * pairs, and that a reader may store one at any time, anywhere, without harm.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BucketId, NO_ADDRESS, NO_BUCKET } from "../../lib/core/brands.ts";
import {
  BUCKET_COUNTS,
  BUCKET_NEXT_FREE,
  BUCKET_PAIRS,
  bucketRegion,
  bucketWord,
  pairCount,
  raisePairCount,
  setPairCount,
} from "../../lib/index/bucket_layout.ts";
import { INDEX_SPACE_FREE, SLOT_META } from "../../lib/pool/control_layout.ts";
import { metaLog2 } from "../../lib/index/slot_extents.ts";
import { evictingFixture } from "../support/evicting_pool.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";

const SLOTS = [5, 6, 7, 8, 9, 10, 11, 12];
const KEYS_PER_SLOT = 400;

function countOf(f: PoolFixture, key: string, hash?: number): number {
  assert.ok(f.find(key, hash) !== NO_ADDRESS, key);
  return f.table.foundCount;
}

function freeBuckets(f: PoolFixture): BucketId[] {
  const buckets: BucketId[] = [];
  let bucket = f.pool.control[INDEX_SPACE_FREE] as BucketId;
  while (bucket !== NO_BUCKET) {
    buckets.push(bucket);
    bucket = bucketRegion(f.pool, bucket)[bucketWord(bucket) + BUCKET_NEXT_FREE] as BucketId;
  }
  return buckets;
}

/** Puts so many keys into one slot that its table doubles, and has overflow buckets. */
function fillSlot(f: PoolFixture, slot: number): void {
  for (let i = 0; i < KEYS_PER_SLOT; i++) {
    assert.ok(f.put(`key ${slot} ${i}`, valueOf(i), hashOf(i, slot)));
  }
}

function hashOf(i: number, slot = SLOTS[0]!): number {
  return hashIn(slot, Math.imul(i + slot * KEYS_PER_SLOT, 0x9e3779b1) >>> 14);
}

test("each pair of a bucket has a count of its own", () => {
  const words = new Int32Array(16);
  for (let pair = 0; pair < BUCKET_PAIRS; pair++) setPairCount(words, 2 * pair + 1, pair % 4);
  for (let pair = 0; pair < BUCKET_PAIRS; pair++) {
    const at = 2 * pair + 1;
    assert.is(pairCount(words, at), pair % 4);
    for (let raised = pair % 4; raised < 5; raised++) raisePairCount(words, at);
    assert.is(pairCount(words, at), 3, "it ends at 3");
  }
  assert.is(words[BUCKET_COUNTS], 2 ** (2 * BUCKET_PAIRS) - 1);
  assert.is(words.filter((word) => word !== 0).length, 1, "nothing else is written");
});

test("a read of a value raises the count, up to 3", () => {
  const f = evictingFixture();
  f.put("a", valueOf(1));
  f.put("b", valueOf(2));
  assert.is(countOf(f, "a"), 0);
  for (const expected of [1, 2, 3, 3]) {
    f.get("a");
    assert.is(countOf(f, "a"), expected);
  }
  assert.is(countOf(f, "b"), 0);
  f.reader.read(f.encode("b"), false);
  assert.is(countOf(f, "b"), 0, "a look whether there is one says nothing");
  f.reader.raisesCounts = false;
  f.get("b");
  assert.is(countOf(f, "b"), 0, "nor does a scan");
});

test("a value from a client's cache is a read, too", () => {
  const f = evictingFixture();
  f.put("a", valueOf(1));
  const { hash } = f.encode("a");
  f.get("a");
  const { address, generation } = f.reader;
  assert.ok(f.reader.isCurrent(hash, address, generation));
  assert.is(countOf(f, "a"), 2);
});

test("readers of a pool that does not evict write nothing", () => {
  const f = new PoolFixture();
  for (let i = 0; i < 50; i++) f.put(`key ${i}`, valueOf(i));
  const before = f.pool.index[0]!.slice();
  const control = f.pool.control.slice();
  for (let i = 0; i < 50; i++) assert.ok(f.get(`key ${i}`));
  assert.equal(f.pool.index[0], before);
  assert.equal(f.pool.control, control);
});

test("counts move with their pairs when tables double and chains get shorter", () => {
  const f = evictingFixture(256);
  const count = 300;
  for (let end = 20; end <= count; end += 20) {
    for (let i = end - 20; i < end; i++) {
      assert.ok(f.put(`key ${i}`, valueOf(i), hashOf(i)));
      for (let read = 0; read < i % 4; read++) f.get(`key ${i}`, hashOf(i));
    }
    for (let i = 0; i < end; i++) assert.is(countOf(f, `key ${i}`, hashOf(i)), i % 4, `key ${i}`);
  }
  assert.ok(metaLog2(f.pool.control[f.slotAt(hashOf(0)) + SLOT_META]!) >= 5, "the table has grown");
});

test("a pair begins anew with the next key", () => {
  const f = evictingFixture();
  f.put("a", valueOf(1), hashOf(1));
  for (let i = 0; i < 3; i++) f.get("a", hashOf(1));
  f.delete("a", hashOf(1));
  f.put("b", valueOf(2), hashOf(2));
  assert.is(countOf(f, "b", hashOf(2)), 0);
});

test(
  "what readers store that were asleep does no harm to buckets that are free, or used again",
  seeded((random) => {
    const f = evictingFixture(256);
    for (const slot of SLOTS) fillSlot(f, slot);
    const used = Array.from({ length: 10 }, () => f.space.allocateOverflow());
    for (const bucket of used) f.space.freeOverflow(bucket);
    const free = freeBuckets(f);
    assert.ok(free.length >= used.length, `${free.length} buckets were returned`);
    // Any state of the word, as it was when the reader loaded it.
    for (const bucket of free) {
      const region = bucketRegion(f.pool, bucket);
      const at = bucketWord(bucket);
      for (let pair = 0; pair < BUCKET_PAIRS; pair++) raisePairCount(region, at + 2 * pair + 1);
      region[at + BUCKET_COUNTS] = random.below(2 ** 14);
    }
    assert.equal(freeBuckets(f), free, "the list of free buckets is as it was");
    const taken = free.map(() => f.space.allocateOverflow());
    assert.equal([...taken].sort(), [...free].sort(), "each of them is handed out once");
    for (const slot of SLOTS) {
      for (let i = 0; i < KEYS_PER_SLOT; i++) {
        assert.ok(f.get(`key ${slot} ${i}`, hashOf(i, slot)), `key ${slot} ${i}`);
      }
    }
  }),
);

test.run();
