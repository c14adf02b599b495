/**
 * One-sided reads: random operations against a Map, values of all sizes, expiry, collecting keys,
 * and what happens when the memory that a reader looks at is reused.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId, Slot } from "../../lib/core/brands.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NO_PREFIX = new Uint8Array(0);

/** Hashes that collide: wholly, in their bucket, and in their slot. */
function collidingHash(key: number): number {
  return hashIn(5, [key, key % 7, (key % 31) << 8, 0][key % 4]!);
}

function randomStep(random: Random, f: PoolFixture, model: Map<string, Uint8Array>): void {
  const number = random.below(400);
  const key = `key ${number}`;
  const hash = collidingHash(number);
  if (random.below(3) === 0) {
    assert.is(f.delete(key, hash), model.delete(key), key);
    return;
  }
  const value = random.bytes(random.below(40));
  assert.ok(f.put(key, value, hash), "the log has room");
  model.set(key, value);
}

test(
  "random puts, overwrites and deletes against a Map, with colliding hashes",
  seeded((random) => {
    const f = new PoolFixture({ segmentCount: 2000 });
    const model = new Map<string, Uint8Array>();
    for (let i = 0; i < 30_000; i++) {
      randomStep(random, f, model);
      const number = random.below(400);
      const found = f.get(`key ${number}`, collidingHash(number));
      assert.equal(found?.value, model.get(`key ${number}`), `step ${i}`);
    }
    const keys = f.reader.collectKeys(5 as Slot, NO_PREFIX).map((key) => decoder.decode(key.bytes));
    assert.equal(keys.sort(), [...model.keys()].sort());
    assert.is(f.reader.retryCount, 0, "alone, a reader never has to start over");
  }),
);

test("values of every size, and of the largest that fits", () => {
  const f = new PoolFixture({ segmentCount: 16, segmentBytes: 2 ** 20 });
  const sizes = [...Array.from({ length: 500 }, (_, i) => i), 1000, 4095, 4096, 4097, 1_000_000];
  for (const size of sizes) {
    const value = valueOf(size, size);
    assert.ok(f.put(`${size}`, value));
    assert.equal(f.get(`${size}`)?.value, value, `${size} bytes`);
  }
  f.reader.shrinkScratch();
  for (const size of sizes) assert.is(f.get(`${size}`)?.value.length, size);
});

test("a read without the value only says whether there is one", () => {
  const f = new PoolFixture();
  f.put("a", valueOf(1, 100));
  f.put("b", valueOf(2, 50));
  assert.equal(f.get("a")?.value, valueOf(1, 100));
  assert.is(f.reader.read(f.encode("b"), false), true);
  assert.is(f.reader.valueBytes, 50);
  assert.is(f.reader.read(f.encode("c"), false), false);
});

test("a record is there until its expiry time, and not at it", () => {
  const f = new PoolFixture();
  f.put("short", valueOf(1), undefined, 5000);
  f.put("long", valueOf(2), undefined, 2 ** 48 - 1);
  f.put("ever", valueOf(3));
  f.nowMs = 4999;
  assert.is(f.get("short")?.expiresAtMs, 5000);
  assert.is(f.get("long")?.expiresAtMs, 2 ** 48 - 1);
  assert.is(f.get("ever")?.expiresAtMs, Infinity);
  f.nowMs = 5000;
  assert.is(f.get("short"), undefined);
  assert.is(f.reader.read(f.encode("short"), false), false);
  assert.equal(f.get("long")?.value, valueOf(2));
  f.put("short", valueOf(4));
  assert.equal(f.get("short")?.value, valueOf(4), "it can come back");
});

test("the version is the record's", () => {
  const f = new PoolFixture();
  f.put("a", valueOf(1));
  f.put("b", valueOf(2));
  const first = f.get("a")!.version;
  f.put("a", valueOf(3));
  assert.ok(f.get("a")!.version > first);
});

test("collected keys have the prefix, and remember whether they were bytes", () => {
  const f = new PoolFixture();
  const hash = hashIn(9, 3);
  for (const key of ["user:1", "user:2", "users", "use", "other"]) f.put(key, valueOf(1), hash);
  f.put(Uint8Array.of(0xff, 0xfe), valueOf(1), hash);
  const collect = (prefix: string) =>
    f.reader.collectKeys(9 as Slot, new TextEncoder().encode(prefix));
  const names = (prefix: string) => collect(prefix).map((key) => decoder.decode(key.bytes)).sort();
  assert.equal(names("user:"), ["user:1", "user:2"]);
  assert.equal(names("user"), ["user:1", "user:2", "users"]);
  assert.equal(names("user:11"), []);
  const binary = collect("").filter((key) => key.isBinary);
  assert.equal(binary.map((key) => [...key.bytes]), [[0xff, 0xfe]]);
  assert.is(collect("").length, 6);
  assert.equal(f.reader.collectKeys(10 as Slot, NO_PREFIX), []);
});

test("collected keys are private copies", () => {
  const f = new PoolFixture();
  f.put("mine", valueOf(1));
  const slot = (f.encode("mine").hash >>> SLOT_SHIFT) as Slot;
  const [key] = f.reader.collectKeys(slot, NO_PREFIX);
  key!.bytes.fill(0);
  assert.equal(f.get("mine")?.value, valueOf(1));
  assert.not(key!.bytes.buffer instanceof SharedArrayBuffer);
});

test("segments are reused again and again, and every read finds what was written last", () => {
  const f = new PoolFixture({ segmentCount: 8 });
  for (let round = 0; round < 2000; round++) {
    const key = `key ${round % 20}`;
    assert.ok(f.put(key, valueOf(round, 8 + (round % 150))), `round ${round}`);
    for (let i = 0; i < 20 && i <= round; i++) {
      const last = round - ((round - i) % 20);
      assert.equal(f.get(`key ${i}`)?.value, valueOf(last, 8 + (last % 150)), `key ${i}`);
    }
  }
  const generations = Array.from({ length: 8 }, (_, i) => f.pool.loadGeneration(i as SegmentId));
  assert.ok(generations.some((generation) => generation > 5), `${generations}`);
  assert.is(f.countSegments(SegmentState.CLEANING), 0);
});

test.run();
