/**
 * A pool gets smaller by being copied: everything that is live is there, and nothing else; what
 * does not fit is refused, or dropped by a cache; and a process that is killed, or a disk that
 * fails, leaves the old pool or the new one.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slot } from "../../lib/core/brands.ts";
import { InvalidOptionError, SnapshotError } from "../../lib/core/errors.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import type { FileSystem } from "../../lib/persistence/file_system.ts";
import { readSnapshot, type RestoredPool } from "../../lib/persistence/snapshot_reader.ts";
import { makeSmaller, type SmallerPoolOptions } from "../../lib/persistence/smaller_pool.ts";
import { writeSnapshot } from "../../lib/persistence/snapshot_writer.ts";
import {
  SLOT_EXPIRING_COUNT,
  SLOT_VERSION_HIGH,
  SLOT_VERSION_LOW,
} from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { occupiedBytesTotal } from "../../lib/pool/segment_tails.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { MemoryDisk, systemError } from "../support/memory_disk.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { Random, SEED } from "../support/random.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { DIRECTORY } from "../support/snapshots.ts";

const SEGMENT_BYTES = 4096;
const SEGMENT_COUNT = 100;
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;
const LATER_MS = 2 ** 45;

const random = new Random(SEED);

interface Saved {
  readonly disk: MemoryDisk;
  /** Tags of the values that are there. */
  readonly model: Map<string, number>;
  readonly keys: readonly string[];
}

/** A pool on a disk in which keys were overwritten, deleted, and have expired. */
function save(keyCount: number, valueBytes: number): Saved {
  const disk = new MemoryDisk();
  const pool = Pool.create(geometryOf(SEGMENT_COUNT * SEGMENT_BYTES, SEGMENT_BYTES), HASH_KEY);
  const f = PoolFixture.over(pool);
  const model = new Map<string, number>();
  const keys = Array.from({ length: keyCount }, (_, i) => `key ${i}`);
  for (let tag = 0; tag < 2 * keyCount; tag++) {
    const key = random.pick(keys);
    if (random.below(4) === 0) {
      f.delete(key);
      model.delete(key);
      continue;
    }
    const expiresAtMs = random.pick([Infinity, Infinity, LATER_MS, 1]);
    assert.ok(f.put(key, valueOf(tag, random.below(valueBytes) + 4), undefined, expiresAtMs));
    if (expiresAtMs === 1) model.delete(key);
    else model.set(key, tag);
  }
  f.log.seal();
  writeSnapshot(pool, disk, DIRECTORY, { number: 7, codec: "binary" });
  return { disk, model, keys };
}

function restore(disk: FileSystem): RestoredPool {
  return readSnapshot(disk, DIRECTORY, REQUESTED);
}

function optionsFor(segmentCount: number, disk?: MemoryDisk, evicts = false): SmallerPoolOptions {
  return {
    capacityBytes: segmentCount * SEGMENT_BYTES,
    capacityBytesMax: undefined,
    nodes: 1,
    segmentCountMin: 0,
    evicts,
    target: disk && { files: disk, directory: DIRECTORY },
  };
}

function checkContents(pool: Pool, { model, keys }: Saved, says: string): void {
  const f = PoolFixture.over(pool);
  for (const key of keys) {
    const value = f.get(key)?.value;
    const tag = value && new DataView(value.buffer).getInt32(0, true);
    assert.is(tag, model.get(key), `${says}, seed ${SEED}: ${key}`);
  }
}

/** Fewest segments by what a refusal says. */
function leastFor(restored: RestoredPool): number {
  try {
    makeSmaller(restored, optionsFor(2));
  } catch (error) {
    assert.instance(error, InvalidOptionError);
    const [, bytes] = /^capacity must be at least (\d+) bytes/.exec(
      (error as InvalidOptionError).message,
    )!;
    return Number(bytes) / SEGMENT_BYTES;
  }
  throw new Error("it is too small");
}

test("what is live is copied, with its expiry and its version, and nothing else", () => {
  for (const [keyCount, valueBytes] of [[60, 200], [150, 900], [300, 30]] as const) {
    const saved = save(keyCount, valueBytes);
    const old = restore(saved.disk);
    const least = leastFor(old);
    const smaller = makeSmaller(old, optionsFor(least));
    const { pool } = smaller;
    assert.is(pool.segmentLimit, least);
    assert.is(smaller.number, 7, "nothing was written");
    checkContents(pool, saved, "copied");
    let expiringCount = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const [at, oldAt] = [pool.slotAt(slot as Slot), old.pool.slotAt(slot as Slot)];
      for (const word of [SLOT_VERSION_LOW, SLOT_VERSION_HIGH]) {
        assert.is(pool.control[at + word], old.pool.control[oldAt + word], `slot ${slot}`);
      }
      expiringCount += pool.control[at + SLOT_EXPIRING_COUNT]!;
    }
    const f = PoolFixture.over(pool);
    const expiring = [...saved.model.keys()].filter((key) => f.get(key)!.expiresAtMs === LATER_MS);
    assert.is(expiringCount, expiring.length);
    assert.ok(expiring.length > 0);
    const segments = new SegmentTable(pool);
    assert.ok(
      occupiedBytesTotal(pool, segments) <=
        new SpaceBudget(pool, segments).liveBytesMax,
    );
    // As from any pool, a snapshot of it can be restored.
    const disk = new MemoryDisk();
    writeSnapshot(pool, disk, DIRECTORY, { number: 1, codec: "binary" });
    checkContents(restore(disk).pool, saved, "restored");
  }
});

test("a segment less than what is needed is refused, and nothing is written", () => {
  const saved = save(150, 600);
  const least = leastFor(restore(saved.disk));
  assert.ok(least > 8 && least < SEGMENT_COUNT, `${least}`);
  const { length } = saved.disk.calls;
  const old = restore(saved.disk);
  const refused = () => makeSmaller(old, optionsFor(least - 1, saved.disk));
  assert.throws(refused, (error: unknown) => error instanceof InvalidOptionError);
  assert.not.ok(saved.disk.calls.slice(length).some((call) => /write|create|unlink/.test(call)));
  checkContents(restore(saved.disk).pool, saved, "refused");
  const tooFewForNodes = { ...optionsFor(least), segmentCountMin: least + 1 };
  assert.throws(() => makeSmaller(old, tooFewForNodes), /^capacity must be at least/);
});

test("a process is killed, or the disk fails, at any moment: one of the two pools is there", () => {
  const counts = [0, 0];
  for (let at = 0, hasEnded = false; !hasEnded; at++) {
    for (const fails of [false, true]) {
      const saved = save(40, 300);
      const { disk } = saved;
      const old = restore(disk);
      let number = 0;
      hasEnded = true;
      disk.beforeCall = (call) => {
        if (number++ !== at) return;
        hasEnded = false;
        disk.beforeCall = () => {};
        const found = restore(disk);
        checkContents(found.pool, saved, `call ${at}`);
        counts[found.pool.segmentLimit === SEGMENT_COUNT ? 0 : 1]! += 1;
        if (fails) throw systemError("EIO", call);
      };
      try {
        const smaller = makeSmaller(old, optionsFor(40, disk));
        disk.beforeCall = () => {};
        assert.is(smaller.number, 8);
        assert.is(smaller.image, 8);
        assert.is(restore(disk).pool.segmentLimit, 40);
      } catch (error) {
        assert.ok(fails && error instanceof SnapshotError, `${error}`);
      }
      disk.beforeCall = () => {};
      if (!fails) disk.losePower(random);
      checkContents(restore(disk).pool, saved, `after call ${at}`);
    }
  }
  assert.ok(counts[0]! > 5 && counts[1]! > 2, `${counts}`);
});

test("a cache keeps what was read most, and as much as it may hold", () => {
  const disk = new MemoryDisk();
  const pool = Pool.create(geometryOf(SEGMENT_COUNT * SEGMENT_BYTES, SEGMENT_BYTES), HASH_KEY);
  const f = PoolFixture.over(pool);
  const keys = Array.from({ length: 400 }, (_, i) => `key ${i}`);
  for (const [tag, key] of keys.entries()) assert.ok(f.put(key, valueOf(tag, 760)));
  for (const [tag, key] of keys.entries()) {
    const { hash, words, byteLength } = f.encode(key);
    f.table.find(f.slotAt(hash), hash, words, 0, byteLength);
    f.table.foundCount = tag % 4;
  }
  f.log.seal();
  writeSnapshot(pool, disk, DIRECTORY, { number: 1, codec: "binary" });
  const smaller = makeSmaller(restore(disk), optionsFor(82, undefined, true)).pool;
  const g = PoolFixture.over(smaller);
  const kept = [0, 0, 0, 0];
  for (const [tag, key] of keys.entries()) {
    if (g.get(key) === undefined) continue;
    kept[tag % 4]! += 1;
    const { hash, words, byteLength } = g.encode(key);
    g.table.find(g.slotAt(hash), hash, words, 0, byteLength);
    assert.is(g.table.foundCount, tag % 4);
  }
  assert.equal(kept.slice(1), [100, 100, 100]);
  assert.ok(kept[0]! > 0 && kept[0]! < 100, `${kept}`);
  const { liveBytesMax } = new SpaceBudget(smaller, g.segments);
  const liveBytes = g.segments.liveBytesTotal();
  assert.ok(liveBytes > liveBytesMax * 0.8 && liveBytes <= liveBytesMax, `${liveBytes}`);
  // If all fits, nothing is dropped; and what is not a cache drops nothing.
  assert.is(
    PoolFixture.over(makeSmaller(restore(disk), optionsFor(99, undefined, true)).pool)
      .segments.liveBytesTotal(),
    f.segments.liveBytesTotal(),
  );
  assert.throws(() => makeSmaller(restore(disk), optionsFor(82)), /^capacity must be at least/);
});

test.run();
