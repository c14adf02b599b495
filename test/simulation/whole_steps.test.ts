/**
 * Seeded interleavings of whole steps: KNs, cleaner, clients, M-node and reader over one tiny pool.
 *
 * @module
 */
import { test } from "uvu";
import { forEachSeed } from "../support/sim_seeds.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 64;
const STEP_COUNT = 1000;

test("every order of steps keeps the invariants", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const world = new SimWorld({ seed, interruptShare: 0 });
    world.run(STEP_COUNT);
    world.finish();
  });
});

test.run();
