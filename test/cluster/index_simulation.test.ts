/**
 * Nodes that keep their index in the engine, over a simulated one, in simulated time, with everything that goes wrong in the simulation of
 * clusters: pages and caches are tiny, checkpoints are written and streams are cleaned and purged all the time. What clients see is
 * linearizable, and when it is over every key is served.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  ALL_NEMESES,
  LATE_FAULTS,
  type SimPlan,
  simulateCluster,
  USUAL_FAULTS,
} from "../support/cluster/sim_cluster.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const INDEX = {
  cacheBytes: 400,
  pageBytes: 120,
  checkpointMs: 300,
  tailBytes: 1000,
  cleaning: { ratio: 1, slackBytes: 0, share: 0.5 },
};

function check(plan: SimPlan): void {
  const { violation, unserved, failures, answeredCount } = simulateCluster(plan);
  assert.is(violation, undefined);
  assert.equal(failures, []);
  assert.equal(unserved, [], "keys without an owner after the faults have ended");
  assert.ok(answeredCount > 20, `${answeredCount} answers`);
}

test("what clients see is linearizable, while values and index are in the engine", () => {
  const plan = { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, partsOf: () => ({ index: INDEX }) };
  forEachSeed(36, (seed) => check({ seed, ...plan }));
});

test("slots that move and owners that come back find what is theirs", () => {
  const nemeses = ["move", "move", "lag", "leave", "kill"] as const;
  const plan = {
    nodeCount: 2,
    keyCount: 2,
    faults: LATE_FAULTS,
    nemeses,
    partsOf: () => ({ index: INDEX }),
  };
  forEachSeed(36, (seed) => check({ seed, ...plan }));
});

test("what is cached is the newest", () => {
  const nemeses = ["move", "elect", "lag", "lag"] as const;
  const index = { ...INDEX, cacheBytes: 100_000, cachePolicy: "dac" } as const;
  const plan = {
    keyCount: 2,
    nodeCount: 2,
    faults: USUAL_FAULTS,
    nemeses,
    partsOf: () => ({ index }),
  };
  forEachSeed(12, (seed) => check({ seed, ...plan }));
});

test.run();
