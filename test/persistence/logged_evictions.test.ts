/**
 * Power that goes, and processes that are killed, while a logged pool evicts: what is dropped is
 * not logged. What comes back is what was there, never something older, and nothing that was
 * deleted since.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { DurableWorld, keptAtPowerLoss } from "../support/durable_world.ts";
import { droppedCount } from "../support/evicting_pool.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = 12;
const GENERATION_COUNT = 4;
/** Steps of the world between which the cleaner works, and steps of it. */
const TURN_STEPS = 60;
const TURN_CLEANED_STEPS = 4;
const LEVELS = [DurabilityLevel.OS, DurabilityLevel.DISK] as const;

/** Drops what can be dropped, in some steps. */
function clean(world: DurableWorld, stepCount: number): void {
  for (let i = 0; i < stepCount && !world.isDown; i++) world.clean();
}

/** Segments that a put may open at once. */
function freeCount({ pool }: DurableWorld): number {
  const segments = new SegmentTable(pool);
  let count = 0;
  for (let i = 0; i < pool.segmentLimit; i++) {
    if (segments.state(i as SegmentId) === SegmentState.FREE) count += 1;
  }
  return count;
}

/** Puts so much that segments are left, and can be victims, and a checkpoint knows all of it. */
function fill(world: DurableWorld): void {
  for (let i = 0; i < 40; i++) {
    for (const model of world.models) world.put(model, 180);
    world.drain();
    if (i % 4 === 0) assert.ok(world.checkpoint());
  }
  assert.ok(world.checkpoint());
}

/** Lets a store live and end several times; returns how many records were dropped. */
function runGenerations(seed: number, mayLosePower: boolean): number {
  const level = LEVELS[seed % 2]!;
  const world = new DurableWorld({ seed, level, evicts: true });
  const { random } = world;
  let dropped = 0;
  assert.ok(world.open());
  for (let i = 0; i < GENERATION_COUNT; i++) {
    const isClosed = random.next() < 0.3;
    if (!isClosed) world.endAfter(random.between(1, random.pick([100, 400, 1000])));
    for (let turn = random.between(3, 20); turn > 0 && !world.isDown; turn--) {
      world.run(TURN_STEPS);
      clean(world, TURN_CLEANED_STEPS);
    }
    if (isClosed) world.close();
    dropped += droppedCount(world.pool);
    world.end();
    const hasLostPower = mayLosePower && random.next() < 0.7;
    if (hasLostPower) world.disk.losePower(random);
    world.endAfter(Infinity);
    assert.ok(world.open());
    world.checkRecovered(hasLostPower ? keptAtPowerLoss(level) : "acknowledged");
  }
  world.run(100);
  world.drain();
  world.checkVisible();
  return dropped;
}

test("a process is killed at any call", () => {
  const dropped: number[] = [];
  forEachSeed(SEED_COUNT, (seed) => {
    dropped.push(runGenerations(seed, false));
  });
  // One seed alone may drop none.
  const sum = dropped.reduce((total, count) => total + count, 0);
  assert.ok(dropped.length === 1 || sum > SEED_COUNT, `${sum} records were dropped`);
});

test("power goes at any call", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    runGenerations(seed, true);
  });
});

test("a key that was dropped and deleted stays away, one that was only dropped may come back", () => {
  const world = new DurableWorld({
    seed: 1,
    level: DurabilityLevel.DISK,
    evicts: true,
    segmentCount: 16,
  });
  assert.ok(world.open());
  fill(world);
  clean(world, 100);
  const gone = world.models.filter((model) => world.find(model) === undefined);
  assert.ok(gone.length >= 2, `${gone.length} keys were dropped`);
  const [deleted, dropped] = gone;
  const unmetBefore = world.ended.get(Status.UNMET) ?? 0;
  world.delete(deleted!);
  world.drain();
  assert.is(world.ended.get(Status.UNMET), unmetBefore + 1, "there was nothing to delete");
  world.end();
  world.disk.losePower(world.random);
  assert.ok(world.open());
  assert.is(world.find(deleted!), undefined, "what was deleted");
  assert.ok(world.find(dropped!) !== undefined, "what was dropped is in the checkpoint");
  world.checkRecovered("acknowledged");
});

test("a segment that was emptied is free when a checkpoint knows that it is empty", () => {
  for (const level of LEVELS) {
    const world = new DurableWorld({ seed: 1, level, evicts: true, segmentCount: 16 });
    assert.ok(world.open());
    fill(world);
    const freeBefore = freeCount(world);
    clean(world, 100);
    assert.ok(droppedCount(world.pool) > 0);
    assert.ok(freeCount(world) <= freeBefore, "none is free that the checkpoint has records of");
    const freeAfter = freeCount(world);
    assert.ok(world.checkpoint());
    assert.ok(freeCount(world) > freeAfter, "what was emptied is free now");
  }
});

test.run();
