/**
 * The image of a logged pool ends where what is in use ends, and nothing that is wanted is cut off:
 * whatever others write meanwhile, and if the power goes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FREE_SEGMENT_COUNT } from "../../lib/pool/control_layout.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { imagePath, type LogPlace } from "../../lib/persistence/checkpointer.ts";
import { startLog } from "../../lib/persistence/open_log.ts";
import { readSnapshot } from "../../lib/persistence/snapshot_reader.ts";
import { MemoryDisk, systemError } from "../support/memory_disk.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { Random, SEED } from "../support/random.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { DIRECTORY } from "../support/snapshots.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

const SEGMENT_BYTES = 4096;
const SEGMENT_COUNT = 32;
const PLACE: LogPlace = { directory: DIRECTORY, codec: "binary" };
const REQUESTED = { codec: "binary", capacityBytes: undefined, segmentBytes: undefined } as const;
const KEYS = Array.from({ length: 60 }, (_, i) => `key ${i}`);

/**
 * A pool whose end is free, since what was there has been overwritten; the next checkpoint finds
 * that out.
 */
function emptied() {
  const disk = new MemoryDisk();
  const pool = Pool.create(geometryOf(SEGMENT_COUNT * SEGMENT_BYTES, SEGMENT_BYTES), HASH_KEY);
  const log = startLog(pool, PLACE, DurabilityLevel.OS, undefined, disk, () => 0);
  const f = PoolFixture.over(pool, log.file);
  const model = new Map<string, number>();
  const put = (key: string, tag: number, length: number) => {
    assert.ok(f.put(key, valueOf(tag, length)));
    model.set(key, tag);
  };
  for (const [i, key] of KEYS.entries()) put(key, i, 1000);
  for (const [i, key] of KEYS.entries()) put(key, 100 + i, 40);
  f.log.seal();
  log.checkpointer.checkpoint();
  // What was freed is used first, at the pool's start.
  for (const [i, key] of KEYS.entries()) put(key, 200 + i, 40);
  const length = () => disk.fileContents(imagePath(pool, PLACE)).length;
  return { disk, pool, f, log, model, put, length };
}

function checkRestored(disk: MemoryDisk, model: ReadonlyMap<string, number>): void {
  const { pool } = readSnapshot(disk, DIRECTORY, REQUESTED, { isLogged: true });
  const f = PoolFixture.over(pool);
  for (const [key, tag] of model) {
    const value = f.get(key)?.value;
    assert.is(value && new DataView(value.buffer).getInt32(0, true), tag, key);
  }
}

test("a checkpoint cuts off the free segments at the end", () => {
  const { disk, pool, f, log, model, put, length } = emptied();
  const before = length();
  log.checkpointer.checkpoint();
  const { dueCount } = new SpaceBudget(pool, f.segments);
  assert.ok(length() < before, `${length()} of ${before}`);
  assert.ok(length() <= (pool.segmentOf(f.find("key 0")) + dueCount + 4) * SEGMENT_BYTES);
  assert.is(f.segments.freeCount, pool.control[FREE_SEGMENT_COUNT]);
  checkRestored(disk, model);
  for (const [i, key] of KEYS.entries()) put(key, 300 + i, 900);
  checkRestored(disk, model);
  log.checkpointer.checkpoint();
  checkRestored(disk, model);
});

test("a file that is hardly longer than it must be stays", () => {
  const { disk, log } = emptied();
  log.checkpointer.checkpoint();
  const cuts = disk.calls.filter((call) => call === "truncate").length;
  assert.is(cuts, 1);
  log.checkpointer.checkpoint();
  assert.is(disk.calls.filter((call) => call === "truncate").length, cuts);
});

test("what others write meanwhile, at any moment, is kept", () => {
  const STRIDE = 13;
  let writes = 0;
  for (let at = SEED % STRIDE, hasEnded = false; !hasEnded; at += STRIDE) {
    const { disk, f, log, model } = emptied();
    let moment = 0;
    let isCutting = false;
    disk.beforeCall = (call) => {
      // The directory is synced once the checkpoint is in its place.
      if (call === "syncDirectory") isCutting = true;
      if (call === "list") isCutting = false;
    };
    hasEnded = true;
    withAtomicHooks({
      onAccess: () => {
        if (!isCutting || moment++ !== at) return;
        hasEnded = false;
        writes += 1;
        // Into as many segments as may be had.
        for (let i = 0; f.put(`other ${i}`, valueOf(1000 + i, 900)); i++) {
          model.set(`other ${i}`, 1000 + i);
        }
      },
    }, () => log.checkpointer.checkpoint());
    checkRestored(disk, model);
  }
  assert.ok(writes > 3, `${writes} moments`);
});

test("no power loss takes anything along that was durable", () => {
  const random = new Random(SEED);
  for (let round = 0; round < 20; round++) {
    const { disk, log, model, put } = emptied();
    log.checkpointer.checkpoint();
    for (let i = 0; i < 20; i++) put(`after ${i}`, 500 + i, 900);
    if (round % 2 === 0) log.file.sync();
    else for (let i = 0; i < 20; i++) model.delete(`after ${i}`);
    disk.losePower(random);
    checkRestored(disk, model);
  }
});

test("a file system that cannot cut leaves the file as it is, and durability", () => {
  const { disk, f, log, model, length } = emptied();
  const before = length();
  disk.beforeCall = (call) => {
    if (call === "truncate") throw systemError("EIO", call);
  };
  log.checkpointer.checkpoint();
  assert.is(length(), before);
  assert.is(log.file.hasFailed, false);
  disk.beforeCall = () => {};
  checkRestored(disk, model);
  assert.ok(f.put("another", valueOf(7, 100)));
});

test.run();
