/**
 * The tables of an ordered pool and the order of its keys: they say the same after any changes, and
 * what is built at once says the same as what was changed key by key.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keyCount } from "../../lib/index/key_count.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { addOrderedIndex } from "../../lib/ordered/ordered_index.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { orderInSteps } from "../../lib/store/opening/ordered_pool.ts";
import { type FixtureSizes, hashIn, PoolFixture } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";
import { compareKeys, hardKeys } from "../support/range_model.ts";

const VALUE = new Uint8Array(3);

function orderedFixture(sizes: FixtureSizes): PoolFixture {
  const { pool } = new PoolFixture(sizes);
  addOrderedIndex(pool);
  return PoolFixture.over(pool);
}

function keysInOrder(pool: Pool): Uint8Array[] {
  const cursor = new RangeCursor(pool);
  cursor.seek({}, false);
  const keys: Uint8Array[] = [];
  while (cursor.next()) keys.push(cursor.key.bytes);
  return keys;
}

function checkOrder(pool: Pool, present: Iterable<Uint8Array>, entryCountMax = Infinity): void {
  const { entries, problems } = checkOrderedIndex(pool);
  assert.equal(problems, []);
  assert.ok(entries <= entryCountMax, `${entries} entries, ${entryCountMax} keys`);
  assert.equal(keysInOrder(pool), [...present].sort(compareKeys));
}

function changeSome(f: PoolFixture, random: Random, keys: Uint8Array[], present: Set<Uint8Array>) {
  for (let i = 0; i < 200; i++) {
    const key = random.pick(keys);
    // Some have the hash of others.
    const hash = key.length % 3 === 0 ? 0x1234 + (key.length << 4) : undefined;
    if (random.below(5) < 2) assert.is(f.delete(key, hash), present.delete(key));
    else {
      assert.ok(f.put(key, VALUE, hash), "the log has room");
      present.add(key);
    }
  }
}

test(
  "random changes of keys that are hard to order, some of which have one hash",
  seeded((random) => {
    const f = orderedFixture({ segmentCount: 256, segmentBytes: 2 ** 16 });
    const keys = hardKeys(random, 500);
    const present = new Set<Uint8Array>();
    for (let round = 0; round < 20; round++) {
      changeSome(f, random, keys, present);
      // An entry stands for one key, or for several, and none is left over when no thread has died.
      checkOrder(f.pool, present, keyCount(f.pool));
    }
    for (const key of present) {
      f.delete(key, key.length % 3 === 0 ? 0x1234 + (key.length << 4) : undefined);
    }
    checkOrder(f.pool, [], 0);
  }),
);

test(
  "an order that is found at once",
  seeded((random) => {
    for (const count of [0, 1, 30, 2000]) {
      const f = new PoolFixture({ segmentCount: 64, segmentBytes: 2 ** 18 });
      const keys = count === 0 ? [] : hardKeys(random, count);
      for (const key of keys) assert.ok(f.put(key, VALUE));
      const shares = [...orderInSteps(f.pool)];
      assert.equal(shares, shares.toSorted((a, b) => a - b));
      checkOrder(f.pool, keys, keys.length);
      // And goes on from there.
      const ordered = PoolFixture.over(f.pool);
      const present = new Set(keys);
      for (const key of keys) if (random.below(2) === 0 && ordered.delete(key)) present.delete(key);
      checkOrder(f.pool, present, present.size);
    }
  }),
);

test("a key for which the index has no room leaves nothing in the order", () => {
  const f = orderedFixture({ segmentCount: 64, bucketCount: 40 });
  const present: Uint8Array[] = [];
  let refusedCount = 0;
  for (let i = 0; i < 500; i++) {
    const key = new TextEncoder().encode(`key ${i}`);
    // All in two slots, or each would lack a table rather than a place in it.
    if (f.put(key, VALUE, hashIn(i % 2, i << 2))) present.push(key);
    else refusedCount += 1;
  }
  assert.ok(refusedCount > 0);
  checkOrder(f.pool, present, present.length);
});

test.run();
