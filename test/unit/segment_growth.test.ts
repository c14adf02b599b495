/**
 * A pool gets more segments: whatever agents take at whatever moment, whenever the thread dies that
 * admits them, and whenever the process is killed.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { tryLockCheckpoints, unlockCheckpoints } from "../../lib/persistence/checkpoint_lock.ts";
import type { LogPlace } from "../../lib/persistence/checkpointer.ts";
import { startLog } from "../../lib/persistence/open_log.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { writeSnapshot } from "../../lib/persistence/snapshot_writer.ts";
import { AGENT_HOST, GATE_PAUSED } from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { FreeSegments } from "../../lib/pool/free_segments.ts";
import { bucketCountOf, geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { admitSegments, wantSegments } from "../../lib/pool/segment_growth.ts";
import { repairSegments, SegmentTable } from "../../lib/pool/segment_table.ts";
import { liveBytesMax, SpaceBudget } from "../../lib/pool/space_budget.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { dieAtEveryMoment } from "../support/sim_death.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { DIRECTORY } from "../support/snapshots.ts";

const SEGMENT_BYTES = 4096;
const [FEW, MORE, MOST] = [12, 40, 48];
const PLACE: LogPlace = { directory: DIRECTORY, codec: "binary" };
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;

function makePool(): Pool {
  return Pool.create(geometryOf(MOST * SEGMENT_BYTES, SEGMENT_BYTES), HASH_KEY, undefined, FEW);
}

/** As an agent that has the checkpoint lock. */
function admit(pool: Pool, count: number): void {
  assert.ok(tryLockCheckpoints(pool, AGENT_HOST));
  admitSegments(pool, count);
  unlockCheckpoints(pool);
}

/** Whether exactly the segments below the limit are free, but for those that were taken. */
function checkFree(pool: Pool, taken: readonly SegmentId[], says: string): void {
  const free = new FreeSegments(pool);
  const ids = Array.from({ length: MOST }, (_, i) => i as SegmentId);
  for (const id of ids) {
    assert.is(free.has(id), id < pool.segmentLimit && !taken.includes(id), `${says}: ${id}`);
  }
  assert.is(free.count, pool.segmentLimit - taken.length, says);
}

test("a pool has what it has, not what there is address space for", () => {
  const pool = makePool();
  const segments = new SegmentTable(pool);
  const budget = new SpaceBudget(pool, segments);
  assert.is(pool.capacityBytes, FEW * SEGMENT_BYTES);
  assert.is(budget.liveBytesMax, liveBytesMax(FEW, SEGMENT_BYTES, 0));
  checkFree(pool, [], "at first");
  wantSegments(pool, MORE);
  checkFree(pool, [], "wanted");
  assert.is(pool.capacityBytes, FEW * SEGMENT_BYTES);
  admit(pool, MORE);
  checkFree(pool, [], "admitted");
  assert.is(pool.capacityBytes, MORE * SEGMENT_BYTES);
  assert.is(budget.liveBytesMax, liveBytesMax(MORE, SEGMENT_BYTES, 0));
  admit(pool, FEW);
  wantSegments(pool, FEW);
  checkFree(pool, [], "it never has fewer");
  assert.throws(() => wantSegments(pool, MOST + 1), /address space/);
  assert.throws(() => admitSegments(pool, MOST), /under the lock/);
});

test("the index has as many buckets as the capacity allows", () => {
  const [small, large] = [4 * 2 ** 20, 16 * 2 ** 20];
  const pool = Pool.create(geometryOf(large, 65_536), HASH_KEY, undefined, small / 65_536);
  assert.is(pool.bucketLimit, bucketCountOf(small));
  const f = PoolFixture.over(pool);
  let count = 1;
  while (f.space.allocateExtent(64) !== 0) count += 64;
  assert.ok(count > bucketCountOf(small) - 64 && count <= bucketCountOf(small));
  wantSegments(pool, large / 65_536);
  admit(pool, large / 65_536);
  while (f.space.allocateExtent(64) !== 0) count += 64;
  assert.ok(count > bucketCountOf(large) - 64 && count <= bucketCountOf(large));
});

test("agents take segments at any moment: none beyond the limit, none twice, none is lost", () => {
  for (let at = 0, hasEnded = false; !hasEnded; at++) {
    const pool = makePool();
    const segments = new SegmentTable(pool);
    const taken: SegmentId[] = [];
    const takeAll = () => {
      for (let id = segments.allocate(1, 0); id !== NO_SEGMENT; id = segments.allocate(1, 0)) {
        assert.ok(id < pool.segmentLimit, `moment ${at}: ${id} of ${pool.segmentLimit}`);
        assert.not.ok(taken.includes(id), `moment ${at}: ${id} twice`);
        taken.push(id);
      }
    };
    takeAll();
    wantSegments(pool, MORE);
    let moment = 0;
    hasEnded = true;
    withAtomicHooks({
      onAccess: () => {
        if (moment++ !== at) return;
        hasEnded = false;
        takeAll();
      },
    }, () => admit(pool, MORE));
    checkFree(pool, taken, `moment ${at}`);
    takeAll();
    assert.is(taken.length, MORE);
  }
});

test("what a thread leaves that dies in a growth is admitted by a repair, or not at all", () => {
  let grownCount = 0;
  const count = dieAtEveryMoment((die) => {
    const pool = makePool();
    const segments = new SegmentTable(pool);
    const taken = [segments.allocate(1, 0), segments.allocate(1, 0)];
    wantSegments(pool, MORE);
    const hasDied = die(() => admit(pool, MORE));
    // The others take what they find, up to the repair.
    if (segments.freeCount > FEW) taken.push(segments.allocate(1, 0));
    unlockCheckpoints(pool);
    repairSegments(pool);
    checkFree(pool, taken, "after the repair");
    const limit = pool.segmentLimit;
    assert.ok(limit === FEW || limit === MORE, `${limit} segments`);
    assert.ok(hasDied || limit === MORE);
    if (limit === MORE) grownCount += 1;
    admit(pool, MORE);
    checkFree(pool, taken, "grown again");
  });
  assert.ok(count > 2 * (MORE - FEW), `${count} moments`);
  assert.ok(grownCount > MORE - FEW, `grown after ${grownCount}`);
});

/** Puts as much as fits. */
function fill(f: PoolFixture, model: Map<string, number>): void {
  for (let tag = model.size;; tag++) {
    const key = `key ${tag}`;
    if (!f.put(key, valueOf(tag, 700))) return;
    model.set(key, tag);
  }
}

function checkRestored(disk: MemoryDisk, model: ReadonlyMap<string, number>, says: string): number {
  const { pool } = readSnapshot(disk, DIRECTORY, REQUESTED, { isLogged: true });
  const f = PoolFixture.over(pool);
  for (const [key, tag] of model) {
    const value = f.get(key)?.value;
    assert.is(value && new DataView(value.buffer).getInt32(0, true), tag, `${says}: ${key}`);
  }
  return pool.segmentLimit;
}

test("a process is killed at any moment of a growth: all that was logged is there", () => {
  let grownCount = 0;
  for (let at = 0, hasEnded = false; !hasEnded; at++) {
    const disk = new MemoryDisk();
    const pool = makePool();
    const log = startLog(pool, PLACE, DurabilityLevel.OS, undefined, disk, () => 0);
    const f = PoolFixture.over(pool, log.file);
    const model = new Map<string, number>();
    fill(f, model);
    wantSegments(pool, MORE);
    let number = 0;
    hasEnded = true;
    const look = () => {
      if (number++ !== at) return;
      hasEnded = false;
      disk.beforeCall = () => {};
      // What the others find is what they may write to.
      fill(f, model);
      const limit = checkRestored(disk, model, `call ${at}`);
      assert.ok(limit === FEW || limit === MORE, `call ${at}: ${limit}`);
      assert.ok(limit >= pool.segmentLimit, `call ${at}`);
    };
    disk.beforeCall = look;
    log.checkpointer.checkpoint();
    disk.beforeCall = () => {};
    const before = model.size;
    fill(f, model);
    assert.is(checkRestored(disk, model, `after call ${at}`), MORE);
    if (model.size > 2 * before) grownCount += 1;
  }
  assert.ok(grownCount > 5, `${grownCount}`);
});

test("a pool that is not logged grows at any moment of a snapshot, which is of one moment", () => {
  let wholeCount = 0;
  for (let at = 0, hasEnded = false; !hasEnded; at += 1 + (at >>> 2)) {
    const disk = new MemoryDisk();
    const pool = makePool();
    const f = PoolFixture.over(pool);
    const model = new Map<string, number>();
    fill(f, model);
    let moment = 0;
    hasEnded = true;
    let hasPaused = false;
    let seen = new Map(model);
    withAtomicHooks({
      onAccess: () => {
        const isPaused = pool.control[GATE_PAUSED] !== 0;
        hasPaused ||= isPaused;
        if (moment++ !== at) return;
        hasEnded = false;
        wantSegments(pool, MORE);
        admit(pool, MORE);
        // Agents do nothing while the pool is paused.
        if (isPaused) return;
        fill(f, model);
        if (!hasPaused) seen = new Map(model);
      },
    }, () => {
      writeSnapshot(pool, disk, DIRECTORY, { number: 1, codec: "binary" });
    });
    // Before the pause all of it is in the snapshot, and after it what was there before.
    checkRestored(disk, seen, `moment ${at}`);
    if (seen.size > FEW * 6) wholeCount += 1;
  }
  assert.ok(wholeCount > 0);
});

test.run();
