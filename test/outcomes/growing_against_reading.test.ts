/**
 * The race: three threads take segments and buckets of a pool that grows with each of them, and
 * look at what the others have taken.
 *
 * The invariant: what a thread finds by an address that was published is what was written there,
 * though its views were made before the memory was there (I2, and pool/growable_buffer.ts).
 *
 * Allowed outcomes: every published segment and bucket holds its own number, at both ends. No
 * thread is told that there is no memory: all segments are taken.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BUCKET_BYTES } from "../../lib/pool/geometry.ts";
import { type GrowingData, GrowingThread } from "../support/growing_race.ts";
import { race } from "../support/outcome_race.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const SEGMENT_COUNT = 4096;
/**
 * Fewer than there are segments for each: so that taking goes on while there is somebody to look.
 */
const STEPS = 1500;

test("what is published is seen, whoever has grown the pool, and whenever", async () => {
  const sizes = { segmentCount: SEGMENT_COUNT, growthBytes: BUCKET_BYTES };
  const { pool } = new PoolFixture(sizes);
  const data: GrowingData = { pool: pool.handle, board: new SharedArrayBuffer(3 * 128), thread: 0 };
  const own = new GrowingThread(data);
  let taken = 0;
  const reports = await race(
    "growing",
    [1, 2].map((thread) => ({ name: "growing", quota: STEPS, data: { ...data, thread } })),
    STEPS,
    (turns) => {
      while (turns.next()) {
        if (own.take()) taken += 1;
        own.look();
      }
    },
  ) as number[];
  const total = reports.reduce((sum, count) => sum + count, taken);
  assert.is(total, SEGMENT_COUNT);
  assert.is(pool.handle.log[0]!.byteLength, SEGMENT_COUNT * 4096);
});

test.run();
