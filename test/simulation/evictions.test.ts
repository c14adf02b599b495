/**
 * Seeded interleavings over a tiny pool that evicts: whole steps, and steps that are interrupted at
 * their atomic accesses. A key may vanish at any moment, and nothing that is gone, or was replaced,
 * comes back.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS } from "../../lib/core/brands.ts";
import { droppedCount, evictingFixture } from "../support/evicting_pool.ts";
import { valueOf } from "../support/pool_fixture.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 24;
const STEP_COUNT = 800;
const INTERRUPTED_STEP_COUNT = 300;
const KEYS_PER_SLOT = 100;

/** Runs one simulation; returns it. */
function simulate(seed: number, interruptShare: number, stepCount: number): SimWorld {
  const world = new SimWorld({
    seed,
    interruptShare,
    evicts: true,
    segmentCount: 16,
    keysPerSlot: KEYS_PER_SLOT,
    valueBytesMax: 1200,
  });
  world.run(stepCount);
  world.finish();
  return world;
}

test("every order of steps keeps the invariants, and nothing is refused", () => {
  let keyCount = 0;
  let dropped = 0;
  let worlds = 0;
  forEachSeed(SEED_COUNT, (seed) => {
    const world = simulate(seed, 0, STEP_COUNT);
    worlds += 1;
    dropped += droppedCount(world.pool);
    keyCount += world.models.filter((model) => model.state !== undefined).length;
  });
  assert.ok(dropped > worlds, `${dropped} records were dropped`);
  assert.ok(keyCount > worlds, `${keyCount} keys are there in the end`);
});

for (const share of [0.003, 0.02]) {
  test(`a step interrupted at ${share * 100} % of its accesses keeps the invariants`, () => {
    forEachSeed(SEED_COUNT / 2, (seed) => {
      simulate(seed, share, INTERRUPTED_STEP_COUNT);
    });
  });
}

test("a reader that raises a count puts nothing back that is dropped meanwhile", () => {
  let found = 0;
  let missed = 0;
  for (let at = 0;; at++) {
    const f = evictingFixture();
    assert.ok(f.put("key", valueOf(1)));
    const read = () => void (f.get("key") === undefined ? missed++ : found++);
    if (!interruptAt(at, read, () => assert.ok(f.delete("key")))) break;
    assert.is(f.find("key"), NO_ADDRESS, `dropped at access ${at}`);
  }
  assert.ok(found > 0 && missed > 0, `found ${found} times, missed ${missed} times`);
});

test.run();
