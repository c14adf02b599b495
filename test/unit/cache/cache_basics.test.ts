/**
 * What the caches promise whatever their policy, ageing and scan resistance, and the parts that
 * they are made of.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Cache,
  CACHE_POLICY_DEFAULT,
  CacheKind,
  type CachePolicy,
  ENTRY_HEADER_BYTES,
  SHORTCUT_ONLY,
} from "../../../lib/cache/cache.ts";
import { createCache } from "../../../lib/cache/create_cache.ts";
import { EntryTable, NO_ENTRY } from "../../../lib/cache/entry_table.ts";
import { FrequencySketch, SKETCH_COUNT_MAX } from "../../../lib/cache/frequency_sketch.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import { Random, seeded } from "../../support/random.ts";

const POLICIES: readonly CachePolicy[] = [
  "marginal",
  "dac",
  "values",
  "shortcuts",
  "split",
  "s3fifo",
  "wtinylfu",
];
const encoder = new KeyEncoder(3, 4);

function encode(key: string | Uint8Array): KeyEncoder {
  encoder.encode(key);
  return encoder;
}

/** Reads a key as a KN does; a miss costs three round trips, and values have 1000 bytes. */
function read(cache: Cache<string>, key: string): number {
  const kind = cache.lookup(encode(key));
  if (kind === CacheKind.MISS) cache.admit(encode(key), 1, 1, 1000, key, 3);
  if (kind === CacheKind.SHORTCUT) cache.promote(encode(key), 1, 1, 1000, key);
  return kind;
}

for (const policy of POLICIES) {
  test(`${policy}: an entry is charged the header, its key, and its value if it has one`, () => {
    const cache = createCache<string>(policy, { budgetBytes: 100_000 });
    const kind = cache.admit(encode("a key"), 7, 2, 1000, "value", 3);
    const isShortcut = policy === "shortcuts";
    assert.is(kind, isShortcut ? CacheKind.SHORTCUT : CacheKind.VALUE);
    assert.is(cache.usedBytes, ENTRY_HEADER_BYTES + 5 + (isShortcut ? 0 : 1000));
    assert.is(cache.lookup(encode("a key")), kind);
    assert.equal([cache.address, cache.generation], [7, 2]);
    assert.is(cache.payload, isShortcut ? undefined : "value");
    cache.clear();
    assert.equal([cache.usedBytes, cache.valueCount, cache.shortcutCount], [0, 0, 0]);
    assert.is(cache.lookup(encode("a key")), CacheKind.MISS);
    const { valueHits, shortcutHits, misses, admissions } = cache.counters;
    assert.equal([valueHits + shortcutHits, misses, admissions], [1, 1, 1]);
  });

  test(`${policy}: keys of any length and kind are told apart, and slots dropped`, () => {
    const cache = createCache<number>(policy, { budgetBytes: 10_000_000 });
    const random = new Random(5);
    const keys = Array.from({ length: 2048 }, (_, i) => random.bytes(i + 1));
    const slots = keys.map((key) => encode(key).hash >>> SLOT_SHIFT);
    keys.forEach((key, i) => cache.admit(encode(key), i, 1, 10, i, 2));
    keys.forEach((key, i) => {
      assert.is.not(cache.lookup(encode(key)), CacheKind.MISS);
      assert.is(cache.address, i);
    });
    for (const slot of slots) {
      const inSlot = slots.filter((other) => other === slot).length;
      const dropped = cache.dropSlot(slot);
      assert.ok(dropped === inSlot || dropped === 0);
      assert.is(cache.dropSlot(slot), 0);
    }
    assert.is(cache.usedBytes, 0);
    for (const key of keys) assert.is(cache.lookup(encode(key)), CacheKind.MISS);
  });

  test(`${policy}: what was popular once makes way`, () => {
    const cache = createCache<string>(policy, { budgetBytes: 12_000 });
    const hitsOf = (from: number, rounds: number) => {
      const before = cache.counters.valueHits + cache.counters.shortcutHits;
      for (let i = 0; i < rounds * 8; i++) read(cache, `key ${from + i % 8}`);
      return (cache.counters.valueHits + cache.counters.shortcutHits - before) / (rounds * 8);
    };
    hitsOf(0, 3000);
    hitsOf(100, 2000);
    assert.ok(hitsOf(100, 100) > 0.9, "the new ones are there");
    // Half of the budget is too little for the values of all eight.
    const hasValues = policy !== "shortcuts" && policy !== "split";
    if (hasValues) assert.ok(cache.counters.valueHits > 20_000);
  });
}

test("a promotion that was overtaken by another record does nothing", () => {
  const cache = createCache<string>(CACHE_POLICY_DEFAULT, { budgetBytes: 10_000 });
  cache.admit(encode("key"), 7, 2, SHORTCUT_ONLY, "", 2);
  assert.is(cache.promote(encode("key"), 7, 1, 10, "of another generation"), CacheKind.SHORTCUT);
  assert.is(cache.promote(encode("key"), 8, 2, 10, "of another address"), CacheKind.SHORTCUT);
  assert.is(cache.promote(encode("other"), 7, 2, 10, "of another key"), CacheKind.MISS);
  assert.is(cache.promote(encode("key"), 7, 2, 10, "its own"), CacheKind.VALUE);
  assert.is(cache.lookup(encode("key")), CacheKind.VALUE);
  assert.is(cache.payload, "its own");
  assert.is(cache.valueBytes, 10);
});

test("a write replaces address and value, and a key that may not be cached any more keeps none", () => {
  const cache = createCache<string>("dac", { budgetBytes: 10_000 });
  cache.write(encode("key"), 1, 1, 10, "old");
  cache.write(encode("key"), 2, 1, 20, "new");
  cache.lookup(encode("key"));
  assert.equal([cache.address, cache.payload], [2, "new"]);
  assert.is(cache.write(encode("key"), 3, 1, SHORTCUT_ONLY, ""), CacheKind.SHORTCUT);
  assert.is(cache.lookup(encode("key")), CacheKind.SHORTCUT);
  assert.equal([cache.address, cache.payload], [3, undefined]);
});

test("stale shortcuts are counted, and the cost of a miss is averaged", () => {
  const cache = createCache<string>("dac", { budgetBytes: 1000, missRts: 3 });
  assert.is(cache.averageMissRts, 3);
  cache.admit(encode("key"), 1, 1, 5000, "too long", 3);
  cache.lookup(encode("key"));
  cache.admit(encode("key"), 1, 2, 5000, "too long", 3);
  assert.is(cache.counters.staleShortcuts, 1);
  for (let i = 0; i < 2000; i++) cache.admit(encode("key"), 1, 2, 5000, "too long", 5);
  assert.ok(Math.abs(cache.averageMissRts - 5) < 0.01);
});

test("keys that are admitted without having been asked for keep within the budget, too", () => {
  for (const policy of POLICIES) {
    const cache = createCache<number>(policy, { budgetBytes: 1000 });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 50; i++) cache.admit(encode(`key ${i}`), i, 1, 100, i, 2);
      assert.ok(cache.usedBytes > 500 && cache.usedBytes <= 1000, policy);
      cache.clear();
    }
  }
});

test("a payload is copied when, and only when, it is kept", () => {
  const kept: number[] = [];
  const keep = (bytes: Uint8Array, valueBytes: number) => {
    kept.push(valueBytes);
    return bytes.slice(0, valueBytes);
  };
  const cache = createCache<Uint8Array>("shortcuts", { budgetBytes: 1000, keep });
  const scratch = new Uint8Array(100).fill(1);
  cache.admit(encode("key"), 1, 1, 10, scratch, 2);
  assert.equal(kept, []);
  const values = createCache<Uint8Array>("values", { budgetBytes: 1000, keep });
  values.admit(encode("key"), 1, 1, 10, scratch, 2);
  scratch.fill(2);
  values.lookup(encode("key"));
  assert.equal(values.payload, new Uint8Array(10).fill(1));
  assert.equal(kept, [10]);
});

test("keys that are read once replace nothing that is read often", () => {
  for (const policy of ["marginal", "wtinylfu"] as const) {
    const cache = createCache<string>(policy, { budgetBytes: 22_000 });
    for (let i = 0; i < 4000; i++) read(cache, `hot ${i % 20}`);
    const before = cache.counters.misses;
    for (let i = 0; i < 2000; i++) {
      read(cache, `scanned ${i}`);
      read(cache, `hot ${i % 20}`);
    }
    assert.ok(cache.counters.misses - before < 2020, `${policy}: the scan's own, and hardly more`);
  }
});

test("an empty cache takes little memory, whatever its budget", () => {
  const before = process.memoryUsage();
  const caches = POLICIES.flatMap((policy) =>
    Array.from({ length: 128 }, () => createCache<string>(policy, { budgetBytes: 2 ** 30 }))
  );
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.ok(bytes < caches.length * 64 * 1024, `${bytes} bytes`);
});

test(
  "a sketch counts no key too low, and hardly any too high",
  seeded((random) => {
    const sketch = new FrequencySketch();
    const counts = new Map<number, number>();
    sketch.fit(1000);
    for (let i = 0; i < 4000; i++) {
      const hash = random.below(1000) * 0x9e3779b1 | 0;
      sketch.add(hash);
      counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
    const tooHigh = () =>
      [...counts].filter(([hash, count]) => {
        const estimate = sketch.estimate(hash);
        assert.ok(estimate >= Math.min(count, SKETCH_COUNT_MAX), `${estimate} for ${count}`);
        return estimate > count;
      }).length;
    assert.ok(tooHigh() < 50);
    sketch.fit(10_000);
    assert.ok(tooHigh() < 50, "growing loses nothing");
    sketch.halve();
    for (const [hash, count] of counts) {
      assert.ok(sketch.estimate(hash) >= Math.min(count, SKETCH_COUNT_MAX) >>> 1);
      assert.ok(sketch.estimate(hash) <= SKETCH_COUNT_MAX >>> 1);
    }
    sketch.raise(5, 100);
    assert.is(sketch.estimate(5), SKETCH_COUNT_MAX);
    sketch.clear();
    assert.is(sketch.estimate(5), 0);
  }),
);

test("a table gives rows and keys back", () => {
  const table = new EntryTable<string>();
  const keys = Array.from({ length: 100 }, (_, i) => `key ${"x".repeat(i * 10)}`);
  for (let round = 0; round < 20; round++) {
    const entries = keys.map((key) => table.insert(encode(key), round, 0));
    assert.ok(Math.max(...entries) < 100, "rows are used again");
    keys.forEach((key, i) => assert.is(table.find(encode(key)), entries[i]));
    entries.forEach((entry) => table.remove(entry));
    keys.forEach((key) => assert.is(table.find(encode(key)), NO_ENTRY));
    assert.is(table.usedBytes, 0);
  }
});

test.run();
