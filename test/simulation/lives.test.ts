/**
 * Pools that live many lives at tiny capacities, and up to the limit: what fits by the documented
 * rule is accepted, and nothing is lost.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LivesWorld } from "../support/sim_lives.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { Random } from "../support/random.ts";

const SEED_COUNT = 6;
const STEP_COUNT = 400;

for (const durability of ["memory", "os", "disk"] as const) {
  for (const fill of [0.05, 0.5, 1]) {
    test(`${durability}, ${100 * fill} % of what fits: it is accepted in every life`, () => {
      const seen = new Map<string, number>();
      forEachSeed(SEED_COUNT, (seed) => {
        const random = new Random(seed);
        const segmentCount = random.between(8, 20);
        const valueBytesMax = random.pick([100, 400, 1000]);
        const world = new LivesWorld({ seed, durability, segmentCount, valueBytesMax, fill });
        world.run(STEP_COUNT);
        for (const [name, count] of world.seen) seen.set(name, (seen.get(name) ?? 0) + count);
      });
      const wanted = ["put", "delete", "clean", "add", "retire", "fail"];
      for (const name of durability === "memory" ? wanted : [...wanted, "close", "kill"]) {
        assert.ok(seen.size === 0 || seen.get(name)! > 0, `no ${name}`);
      }
    });
  }
}

test("what a cleaner had moved when the process was killed stays moved", () => {
  // Of this seed: replay took moved records where the checkpoint had them, and no segment was free.
  const seed = 1158079728;
  const random = new Random(seed);
  const segmentCount = random.between(8, 20);
  const valueBytesMax = random.pick([100, 400, 1000]);
  new LivesWorld({ seed, durability: "disk", segmentCount, valueBytesMax, fill: 1 })
    .run(STEP_COUNT);
});

test.run();
