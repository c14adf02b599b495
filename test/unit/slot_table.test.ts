/**
 * A slot's table: growth, overflow chains, compaction, collisions and a full index, in one thread.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../../lib/core/brands.ts";
import {
  BUCKET_OVERFLOW,
  BUCKET_PAIRS,
  bucketRegion,
  bucketWord,
} from "../../lib/index/bucket_layout.ts";
import { indexBytes } from "../../lib/index/index_space.ts";
import { bucketAt, metaLog2 } from "../../lib/index/slot_extents.ts";
import {
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
} from "../../lib/pool/control_layout.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";

const SLOT = 77;

/** All addresses in a slot's table, as `forEach` visits them. */
function addressesOf(f: PoolFixture, slotAt: number): PoolAddress[] {
  const addresses: PoolAddress[] = [];
  f.table.forEach(slotAt, (address) => addresses.push(address));
  return addresses;
}

/** Lengths of the chains of a slot's table, in buckets. */
function chainLengths(f: PoolFixture, slotAt: number): number[] {
  const bucketCount = 1 << metaLog2(f.pool.control[slotAt + SLOT_META]!);
  return Array.from({ length: bucketCount }, (_, index) => {
    let length = 0;
    for (let bucket = bucketAt(f.pool.control, slotAt, index); bucket !== NO_BUCKET;) {
      length += 1;
      bucket = bucketRegion(f.pool, bucket)[bucketWord(bucket) + BUCKET_OVERFLOW] as BucketId;
    }
    return length;
  });
}

/** What every table has to be, however it came about. */
function checkTable(f: PoolFixture, slotAt: number, keyCount: number): void {
  const { control } = f.pool;
  const addresses = addressesOf(f, slotAt);
  assert.is(addresses.length, keyCount, "one pair for each key");
  assert.is(new Set(addresses).size, keyCount, "no pair twice");
  assert.is(control[slotAt + SLOT_RECORD_COUNT], keyCount, "the count is right");
  const lengths = chainLengths(f, slotAt);
  const overflow = lengths.reduce((sum, length) => sum + length - 1, 0);
  assert.is(control[slotAt + SLOT_OVERFLOW_COUNT], overflow, "the overflow count is right");
}

test("a slot without keys has no table, and finds nothing", () => {
  const f = new PoolFixture();
  assert.is(f.find("a", hashIn(SLOT, 1)), NO_ADDRESS);
  assert.equal(addressesOf(f, f.slotAt(hashIn(SLOT, 1))), []);
  assert.is(indexBytes(f.pool).allocated, 0);
});

test("thousands of keys in one slot: the table doubles, and every key stays where it is found", () => {
  const f = new PoolFixture({ segmentCount: 512 });
  const slotAt = f.slotAt(hashIn(SLOT, 0));
  const hashOf = (i: number) => hashIn(SLOT, Math.imul(i, 0x9e3779b1) >>> 12);
  const log2s = new Set<number>();
  for (let i = 0; i < 5000; i++) {
    assert.ok(f.put(`key ${i}`, valueOf(i), hashOf(i)));
    log2s.add(metaLog2(f.pool.control[slotAt + SLOT_META]!));
    if ((i & (i - 1)) === 0) checkTable(f, slotAt, i + 1);
  }
  checkTable(f, slotAt, 5000);
  assert.equal([...log2s], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "one doubling at a time");
  for (let i = 0; i < 5000; i++) assert.is.not(f.find(`key ${i}`, hashOf(i)), NO_ADDRESS, `${i}`);
  assert.is(f.find("key 5000", hashOf(5000)), NO_ADDRESS);
  const longest = Math.max(...chainLengths(f, slotAt));
  assert.ok(longest <= 3, `chains stay short: ${longest}`);
});

test("keys are removed and come back", () => {
  const f = new PoolFixture({ segmentCount: 512 });
  const slotAt = f.slotAt(hashIn(SLOT, 0));
  for (let i = 0; i < 1000; i++) f.put(`key ${i}`, valueOf(i), hashIn(SLOT, i * 31));
  for (let i = 0; i < 1000; i += 3) assert.ok(f.delete(`key ${i}`, hashIn(SLOT, i * 31)));
  checkTable(f, slotAt, 666);
  for (let i = 0; i < 1000; i++) {
    assert.is(f.find(`key ${i}`, hashIn(SLOT, i * 31)) === NO_ADDRESS, i % 3 === 0, `key ${i}`);
  }
  const allocated = indexBytes(f.pool).allocated;
  for (let i = 0; i < 1000; i += 3) f.put(`key ${i}`, valueOf(i), hashIn(SLOT, i * 31));
  checkTable(f, slotAt, 1000);
  assert.is(indexBytes(f.pool).allocated, allocated, "holes are filled");
});

test("keys with equal hashes share a chain and are told apart by their bytes", () => {
  const f = new PoolFixture({ segmentCount: 512 });
  const hash = hashIn(SLOT, 0x5a5a5);
  const slotAt = f.slotAt(hash);
  for (let i = 0; i < 300; i++) assert.ok(f.put(`collision ${i}`, valueOf(i), hash));
  checkTable(f, slotAt, 300);
  assert.ok(Math.max(...chainLengths(f, slotAt)) >= 300 / BUCKET_PAIRS, "all in one chain");
  for (let i = 0; i < 300; i++) assert.equal(f.get(`collision ${i}`, hash)?.value, valueOf(i));
  assert.is(f.find("collision 300", hash), NO_ADDRESS);
  for (let i = 0; i < 300; i += 2) assert.ok(f.delete(`collision ${i}`, hash));
  for (let i = 0; i < 300; i++) {
    assert.equal(f.get(`collision ${i}`, hash)?.value, i % 2 === 0 ? undefined : valueOf(i));
  }
  checkTable(f, slotAt, 150);
});

test("hash 0 and hash -1 are hashes like any other", () => {
  const f = new PoolFixture();
  for (const hash of [0, -1]) {
    assert.is(f.find("k", hash), NO_ADDRESS, "an empty pair is no key");
    assert.ok(f.put("k", valueOf(hash), hash));
    assert.equal(f.get("k", hash)?.value, valueOf(hash));
    assert.is(f.get("other", hash), undefined);
  }
});

test("equal keys in different slots are different keys", () => {
  const f = new PoolFixture();
  for (let slot = 0; slot < 50; slot++) f.put("same", valueOf(slot), hashIn(slot, 5));
  for (let slot = 0; slot < 50; slot++) {
    assert.equal(f.get("same", hashIn(slot, 5))?.value, valueOf(slot));
    checkTable(f, f.slotAt(hashIn(slot, 5)), 1);
  }
});

test("doubling dissolves chains, and their overflow buckets are used again", () => {
  const f = new PoolFixture({ segmentCount: 512 });
  const slotAt = f.slotAt(hashIn(SLOT, 0));
  const hashOf = (i: number) => hashIn(SLOT, Math.imul(i, 0x9e3779b1) >>> 12);
  let returned = 0;
  for (let i = 0; i < 4000; i++) {
    const log2 = metaLog2(f.pool.control[slotAt + SLOT_META]!);
    const before = f.pool.control[slotAt + SLOT_OVERFLOW_COUNT]!;
    f.put(`key ${i}`, valueOf(i), hashOf(i));
    if (metaLog2(f.pool.control[slotAt + SLOT_META]!) === log2) continue;
    const after = f.pool.control[slotAt + SLOT_OVERFLOW_COUNT]!;
    assert.ok(after <= before, `${after} overflow buckets after doubling, ${before} before`);
    returned += before - after;
    checkTable(f, slotAt, i + 1);
  }
  assert.ok(returned > 10, `${returned} overflow buckets were returned`);
  const { allocated, free } = indexBytes(f.pool);
  const bucketCount = 1 << metaLog2(f.pool.control[slotAt + SLOT_META]!);
  const overflow = f.pool.control[slotAt + SLOT_OVERFLOW_COUNT]!;
  assert.is((allocated - free) / 64, bucketCount + overflow, "no bucket is lost");
});

test("swing replaces an address, and refuses to replace another one", () => {
  const f = new PoolFixture();
  f.put("a", valueOf(1));
  const address = f.find("a");
  const other = f.append("a", valueOf(2));
  f.find("a");
  assert.throws(() => f.table.swing(other, address), /only the lock holder/);
  f.find("a");
  f.table.swing(address, other);
  assert.is(f.find("a"), other);
  assert.is(f.table.findAddress(f.slotAt(f.keys.hash), f.keys.hash, address), false);
  assert.is(f.table.findAddress(f.slotAt(f.keys.hash), f.keys.hash, other), true);
});

test("forEach shows every pair once, and what it shows may be removed", () => {
  const f = new PoolFixture({ segmentCount: 512 });
  const slotAt = f.slotAt(hashIn(SLOT, 0));
  for (let i = 0; i < 500; i++) f.put(`key ${i}`, valueOf(i), hashIn(SLOT, i * 7));
  let visited = 0;
  f.table.forEach(slotAt, () => {
    if (visited++ % 2 === 0) f.table.remove(slotAt);
  });
  assert.is(visited, 500);
  checkTable(f, slotAt, 250);
});

test("a full index refuses new keys and nothing else", () => {
  const f = new PoolFixture({ segmentCount: 512, bucketCount: 24 });
  const keys: string[] = [];
  const refused: string[] = [];
  for (let i = 0; i < 400; i++) (f.put(`key ${i}`, valueOf(i)) ? keys : refused).push(`key ${i}`);
  assert.ok(refused.length > 0, "the index is full");
  for (const key of refused) assert.is(f.get(key), undefined, `${key} was refused`);
  for (const key of keys) assert.ok(f.put(key, valueOf(-1, 20)), "overwrites need no room");
  for (const key of keys) assert.equal(f.get(key)?.value, valueOf(-1, 20), key);
  const slots = new Set(keys.map((key) => f.slotAt(f.encode(key).hash)));
  let count = 0;
  for (const slotAt of slots) count += f.pool.control[slotAt + SLOT_RECORD_COUNT]!;
  assert.is(count, keys.length);
  for (const key of keys) assert.ok(f.delete(key));
  for (const key of keys) assert.ok(f.put(key, valueOf(7)), "and what was deleted fits again");
});

test("a table that cannot double grows its chains instead, until there are no buckets left", () => {
  const f = new PoolFixture({ segmentCount: 512, bucketCount: 32 });
  const slotAt = f.slotAt(hashIn(SLOT, 0));
  let stored = 0;
  while (f.put(`key ${stored}`, valueOf(stored), hashIn(SLOT, stored * 13))) stored += 1;
  checkTable(f, slotAt, stored);
  assert.ok(stored > 15 * BUCKET_PAIRS, `${stored} keys in 31 buckets`);
  for (let i = 0; i < stored; i++) {
    assert.equal(f.get(`key ${i}`, hashIn(SLOT, i * 13))?.value, valueOf(i), `key ${i}`);
  }
  assert.is(f.get(`key ${stored}`, hashIn(SLOT, stored * 13)), undefined);
});

test.run();
