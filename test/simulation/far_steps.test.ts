/**
 * Seeded interleavings in the far placement: KNs, mergers, cleaner, clients and M-node over one
 * tiny pool; by whole steps, and with steps in the middle of others.
 *
 * @module
 */
import { test } from "uvu";
import { forEachSeed } from "../support/sim_seeds.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 32;
const STEP_COUNT = 1000;
const INTERRUPTED_SEED_COUNT = 16;

test("every order of steps keeps the invariants in a far pool", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const world = new SimWorld({ seed, interruptShare: 0, isFar: true });
    world.run(STEP_COUNT);
    world.finish();
  });
});

test("steps in the middle of others keep them, too", () => {
  forEachSeed(INTERRUPTED_SEED_COUNT, (seed) => {
    const world = new SimWorld({ seed, interruptShare: 0.002, isFar: true });
    world.run(STEP_COUNT);
    world.finish();
  });
});

test.run();
