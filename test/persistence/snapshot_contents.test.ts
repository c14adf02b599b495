/**
 * What a snapshot holds: everything, and after it is restored the pool works on.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress, SegmentId, Slot } from "../../lib/core/brands.ts";
import { InvalidOptionError } from "../../lib/core/errors.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { SLOT_WORDS } from "../../lib/pool/control_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { keysOfSlots } from "../../lib/index/key_count.ts";
import { assertThrows } from "../support/errors.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { seeded } from "../support/random.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { DIRECTORY, imagePath, readerOf, restore, save, savedPool } from "../support/snapshots.ts";

const CAPACITY = 16 * 4096;

/** Everything of a slot descriptor that is not about ownership. */
function slotWords(pool: Pool, slot: number): number[] {
  const at = pool.slotAt(slot as Slot);
  return [
    ...pool.control.subarray(at, at + 32),
    ...pool.control.subarray(at + 33, at + SLOT_WORDS),
  ];
}

test("every key is there, with its value, and no other", () => {
  const { disk, model } = savedPool();
  const { pool, number } = restore(disk);
  const read = readerOf(pool);
  assert.is(number, 1);
  assert.is(keysOfSlots(pool), model.size);
  for (let i = 0; i < 200; i++) assert.equal(read(`key ${i}`), model.get(`key ${i}`), `key ${i}`);
  assert.is(disk.openCount, 0);
});

test("slots, versions and live bytes are what they were", () => {
  const { f, disk } = savedPool();
  const { pool } = restore(disk);
  assert.equal(pool.hashKey, f.pool.hashKey);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    assert.equal(slotWords(pool, slot), slotWords(f.pool, slot), `slot ${slot}`);
  }
  const segments = new SegmentTable(pool);
  assert.is(segments.liveBytesTotal(), f.segments.liveBytesTotal());
  for (let i = 0; i < 16; i++) {
    const segment = i as SegmentId;
    assert.is(pool.loadGeneration(segment), f.pool.loadGeneration(segment));
    const wasFree = f.segments.state(segment) === SegmentState.FREE;
    assert.is(segments.state(segment) === SegmentState.FREE, wasFree, `segment ${i}`);
  }
  assert.is(segments.freeCount, f.segments.freeCount);
});

test(
  "whatever state a pool is in, its snapshot is believed, and says the same",
  seeded((random) => {
    for (let round = 0; round < 12; round++) {
      const f = new PoolFixture({ segmentCount: 64 });
      const model = new Map<string, Uint8Array>();
      const keyCount = random.pick([5, 60, 1000]);
      for (let i = random.below(3000); i > 0; i--) {
        const key = `key ${random.below(keyCount)}`;
        if (random.below(4) === 0) {
          assert.is(f.delete(key), model.delete(key));
        } else {
          const value = random.bytes(random.below(60));
          const expiresAtMs = random.below(5) === 0 ? 10 ** 9 : Infinity;
          if (f.put(key, value, undefined, expiresAtMs)) model.set(key, value);
        }
      }
      if (random.below(2) === 0) f.log.seal();
      const disk = new MemoryDisk();
      save(f, disk, 1);
      const read = readerOf(restore(disk).pool);
      for (let i = 0; i < keyCount; i++) assert.equal(read(`key ${i}`), model.get(`key ${i}`));
    }
  }),
);

test("an empty pool is a snapshot too", () => {
  const { disk } = savedPool(0);
  const { pool } = restore(disk);
  assert.is(keysOfSlots(pool), 0);
  assert.is(new SegmentTable(pool).freeCount, 16);
});

test("the report says what was written", () => {
  const { f, disk } = savedPool();
  const report = save(f, disk, 2);
  assert.is(report.number, 2);
  assert.is(report.checkpointBytes, disk.fileContents("/pool/checkpoint").length);
  let used = 0;
  for (let i = 0; i < 16; i++) {
    if (f.segments.state(i as SegmentId) !== SegmentState.FREE) {
      used += f.segments.usedBytes(i as SegmentId);
    }
  }
  assert.is(report.imageBytes, used);
});

test("a snapshot replaces the one before it, and its image", () => {
  const { f, disk, model } = savedPool();
  f.put("key 0", valueOf(-5));
  save(f, disk, 2);
  assert.equal(disk.list(DIRECTORY).sort(), ["checkpoint", "image-2"]);
  const { pool, number } = restore(disk);
  assert.is(number, 2);
  assert.equal(readerOf(pool)("key 0"), valueOf(-5));
  assert.is(keysOfSlots(pool), model.size + 1);
});

test("a restored pool can be restored from again, and again", () => {
  let { f, disk, model } = savedPool();
  for (let round = 2; round < 6; round++) {
    const { pool } = restore(disk);
    f = PoolFixture.over(pool);
    for (let i = 0; i < 60; i++) {
      const value = valueOf(round * 1000 + i, 30);
      assert.ok(f.put(`key ${i * round}`, value));
      model.set(`key ${i * round}`, value);
    }
    save(f, disk, round);
    const read = readerOf(restore(disk).pool);
    for (const [key, value] of model) assert.equal(read(key), value, `${key}, round ${round}`);
  }
});

test("a larger capacity adds free segments, and nothing else changes", () => {
  const { disk, model } = savedPool();
  const { pool } = restore(disk, 4 * CAPACITY);
  assert.is(pool.segmentLimit, 64);
  const read = readerOf(pool);
  for (const [key, value] of model) assert.equal(read(key), value, key);
  const f = PoolFixture.over(pool);
  let added = 0;
  while (f.put(`new ${added}`, valueOf(added, 400))) added += 1;
  assert.ok(added > (48 * 4096) / 450, `${added} records fit`);
  for (const [key, value] of model) assert.equal(read(key), value, key);
});

test("sizes that contradict the snapshot are refused", () => {
  const { disk } = savedPool();
  const open = (capacityBytes: number | undefined, segmentBytes: number | undefined) => () =>
    readSnapshot(disk, DIRECTORY, { codec: "binary", capacityBytes, segmentBytes });
  const contradictions: readonly [() => unknown, RegExp][] = [
    [open(undefined, 8192), /^segmentBytes must be the 4096 of the pool at path/],
    [open(2 ** 35, undefined), /^capacity must /],
  ];
  for (const [call, says] of contradictions) {
    assertThrows(
      call,
      { type: InvalidOptionError, code: "DINOMO_INVALID_OPTION", says },
      `${says}`,
    );
  }
  open(CAPACITY, 4096)();
  open(CAPACITY + 100, undefined)();
});

test("another codec than the one the values were written with is refused", () => {
  const { disk } = savedPool();
  for (const codec of ["msgpack", "json", "custom"] as const) {
    const requested = { codec, capacityBytes: undefined, segmentBytes: undefined };
    assertThrows(() => readSnapshot(disk, DIRECTORY, requested), {
      type: InvalidOptionError,
      code: "DINOMO_INVALID_OPTION",
      says: new RegExp(`^codec must be .*binary.*, got ${codec}`),
    });
  }
});

test("a reservation that was never committed leaves no live bytes behind", () => {
  const { f, disk, model } = savedPool();
  const live = f.segments.liveBytesTotal();
  const reserved = f.append("reserved", valueOf(1, 500));
  f.segments.addLive(reserved, f.recordBytes(reserved));
  f.segments.pin(reserved as PoolAddress);
  save(f, disk, 2);
  const { pool } = restore(disk);
  assert.is(new SegmentTable(pool).liveBytesTotal(), live);
  assert.is(readerOf(pool)("reserved"), undefined);
  assert.is(keysOfSlots(pool), model.size);
});

test("the image is the log: file offset is pool address", () => {
  const { f, disk } = savedPool();
  const image = disk.fileContents(imagePath(1));
  for (let i = 0; i < 16; i++) {
    if (f.segments.state(i as SegmentId) === SegmentState.FREE) continue;
    const used = f.segments.usedBytes(i as SegmentId);
    const start = i * 4096;
    const inPool = Uint8Array.from(f.pool.bytes[0]!.subarray(start, start + used));
    assert.equal(image.subarray(start, start + used), inPool, `segment ${i}`);
  }
});

test.run();
