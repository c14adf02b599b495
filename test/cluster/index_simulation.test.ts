/**
 * Nodes that keep their index in the engine, over a simulated one, in simulated time, with everything that goes wrong in the simulation of
 * clusters: pages and caches are tiny, checkpoints are written and streams are cleaned and purged all the time. What clients see is
 * linearizable, and when it is over every key is served.
 *
 * @module
 */
import { test } from "uvu";
import { ALL_NEMESES, LATE_FAULTS, USUAL_FAULTS } from "../support/cluster/sim_cluster.ts";
import { checkEach } from "../support/cluster/check_runs.ts";

const INDEX = {
  cacheBytes: 1000,
  pageBytes: 120,
  checkpointMs: 300,
  tailBytes: 1000,
  cleaning: { ratio: 1, slackBytes: 0, share: 0.5 },
};

test("what clients see is linearizable, while values and index are in the engine", () => {
  const plan = { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, partsOf: () => ({ index: INDEX }) };
  checkEach(36, (seed) => ({ seed, ...plan }));
});

test("slots that move and owners that come back find what is theirs", () => {
  const nemeses = ["move", "interrupt", "lag", "leave", "kill"] as const;
  const plan = {
    nodeCount: 2,
    keyCount: 2,
    faults: LATE_FAULTS,
    nemeses,
    partsOf: () => ({ index: INDEX }),
  };
  checkEach(36, (seed) => ({ seed, ...plan }));
});

test("slots that come back from several owners are as these have left them, long after", () => {
  const nemeses = ["leave", "leave", "lag"] as const;
  const rates = { monotonic: 1, epoch: 1 };
  // Clients give up soon, so that what is not needed of logs is forgotten soon.
  const plan = {
    keyCount: 12,
    ms: 20_000,
    resendMs: 300,
    nemeses,
    ratesOf: () => rates,
    partsOf: () => ({ index: INDEX }),
  };
  checkEach(24, (seed) => ({ seed, ...plan }));
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
  checkEach(12, (seed) => ({ seed, ...plan }));
});

test.run();
