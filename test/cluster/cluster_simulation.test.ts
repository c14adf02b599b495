/**
 * Nodes of a cluster and their clients over a simulated engine, in simulated time: requests and
 * answers are slow, lost and doubled, replicas lag, leaders change, nodes stand still, are cut off,
 * are killed, leave and come back, and slots move. Clients lose their connections, whose messages
 * may come long after, and send again what was not answered. What they see is linearizable, so
 * nothing is made twice; what each has on its way at one time is made in its order; and when it is
 * over every key is served.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { defineWorldTests } from "../support/cluster/check_runs.ts";
import { type SimPlan, simulateCluster, USUAL_FAULTS } from "../support/cluster/sim_cluster.ts";
import { CLUSTER_WORLDS } from "../support/cluster/sim_worlds.ts";
import { NO_FAULTS } from "../support/cluster/sim_log_engine.ts";
import type { Random } from "../support/random.ts";

defineWorldTests(CLUSTER_WORLDS);

/** In how many of some runs the checker finds something. */
function countViolations(
  ratesOf: (random: Random) => { monotonic: number; epoch: number },
  parts: Partial<SimPlan> = {},
): number {
  const nemeses = ["cut", "suspend", "freeze", "lag"] as const;
  let count = 0;
  for (let seed = 1; seed <= 40 && count === 0; seed++) {
    // Who finds that messages were purged begins anew, and does no harm with its lease.
    const partsOf = () => ({ stateEvery: Infinity });
    const plan = { seed, faults: USUAL_FAULTS, nemeses, ratesOf, partsOf, ...parts };
    if (simulateCluster(plan).violation !== undefined) count += 1;
  }
  return count;
}

test("the checker finds clocks whose rates differ by more than the margin", () => {
  const found = countViolations((random) => {
    const rate = random.pick([0.5, 2]);
    return { monotonic: rate, epoch: rate };
  });
  assert.ok(found > 0);
});

test("the checker finds machines that are frozen with both of their clocks", () => {
  // Only who reads from an owner that has not heard of its successor sees what is wrong.
  const nemeses = ["freeze", "lag"] as const;
  const many = { faults: NO_FAULTS, nemeses, clientCount: 16, keyCount: 4, ms: 60_000 };
  const found = countViolations(() => ({ monotonic: 1, epoch: 0 }), many);
  assert.ok(found > 0);
});

test.run();
