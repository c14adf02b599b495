/**
 * Sorting records by their keys, as for a tree that is built at once, against a sort that compares.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { metaKeyBytes, RECORD_KEY, RECORD_META } from "../../lib/log/record_layout.ts";
import { KeySort } from "../../lib/ordered/key_sort.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";
import { compareKeys, hardKeys } from "../support/range_model.ts";

function keyAt(pool: Pool, record: number): Uint8Array {
  const address = record as PoolAddress;
  const at = pool.wordAt(address);
  const meta = pool.wordsOf(address)[at + RECORD_META]!;
  const from = (at + RECORD_KEY) * 4;
  return pool.bytesOf(address).slice(from, from + metaKeyBytes(meta));
}

function checkSorted(random: Random, keys: readonly Uint8Array[]): void {
  // One segment holds all: nothing says that the records live.
  const f = new PoolFixture({ segmentCount: 16, segmentBytes: 2 ** 21 });
  const records = new Int32Array(keys.map((key) => f.append(key, new Uint8Array(0))));
  for (let i = records.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [records[i], records[other]] = [records[other]!, records[i]!];
  }
  new KeySort(f.pool, records).sort({ from: 0, to: records.length, offset: 0 });
  const sorted = keys.toSorted(compareKeys);
  for (const [i, record] of records.entries()) {
    assert.equal(keyAt(f.pool, record), sorted[i], `${i}`);
  }
}

test(
  "keys that are hard to order",
  seeded((random) => checkSorted(random, hardKeys(random, 1500))),
);

test(
  "keys that differ in their last bytes only",
  seeded((random) => {
    const stem = "a rather long beginning that all of them share, whatever they are: ".repeat(4);
    const keys = Array.from({ length: 1000 }, (_, i) => new TextEncoder().encode(`${stem}${i}`));
    checkSorted(random, keys);
  }),
);

test(
  "keys that differ in their lengths only",
  seeded((random) => {
    checkSorted(random, Array.from({ length: 100 }, (_, i) => new Uint8Array(i + 1)));
  }),
);

test(
  "random keys, few and many",
  seeded((random) => {
    for (const count of [1, 2, 3, 13, 100, 3000]) {
      const keys = new Map<string, Uint8Array>();
      while (keys.size < count) {
        const key = random.bytes(random.between(1, 12));
        keys.set(String(key), key);
      }
      checkSorted(random, [...keys.values()]);
    }
  }),
);

test.run();
