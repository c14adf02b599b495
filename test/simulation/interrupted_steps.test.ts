/**
 * Seeded interleavings in which steps are interrupted at their atomic accesses by steps of other
 * agents.
 *
 * @module
 */
import { test } from "uvu";
import { forEachSeed } from "../support/sim_seeds.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 24;
const STEP_COUNT = 300;
/** Few accesses are interrupted, so that what lies between two interruptions gets somewhere. */
const INTERRUPT_SHARES = [0.003, 0.02];

for (const interruptShare of INTERRUPT_SHARES) {
  test(`a step interrupted at ${interruptShare * 100} % of its accesses keeps the invariants`, () => {
    forEachSeed(SEED_COUNT, (seed) => {
      const world = new SimWorld({ seed, interruptShare });
      world.run(STEP_COUNT);
      world.finish();
    });
  });
}

test.run();
