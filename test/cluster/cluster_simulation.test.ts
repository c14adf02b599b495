/**
 * Nodes of a cluster and their clients over a simulated engine, in simulated time: requests and answers are slow, lost and doubled, replicas
 * lag, leaders change, nodes stand still, are cut off, are killed, leave and come back, and slots move. Clients lose their connections, whose
 * messages may come long after, and send again what was not answered. What they see is linearizable, so nothing is made twice; what each has
 * on its way at one time is made in its order; and when it is over every key is served.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkEach } from "../support/cluster/check_runs.ts";
import {
  ALL_NEMESES,
  LATE_FAULTS,
  simulateCluster,
  USUAL_FAULTS,
} from "../support/cluster/sim_cluster.ts";
import type { Random } from "../support/random.ts";

test("what clients see is linearizable, whatever goes wrong", () => {
  checkEach(72, (seed) => ({ seed, faults: USUAL_FAULTS, nemeses: ALL_NEMESES }));
});

test("owners that are cut off or stand still change nothing behind their successors", () => {
  const nemeses = ["cut", "suspend", "freeze", "lag"] as const;
  const plan = { nodeCount: 2, keyCount: 2, faults: LATE_FAULTS, nemeses };
  checkEach(36, (seed) => ({ seed, ...plan }));
});

test("what was read of the control stream, or of a state in it, makes no difference", () => {
  const nemeses = ["suspend", "cut", "kill", "kill", "lag", "move"] as const;
  const plan = { nodeCount: 3, keyCount: 2, faults: LATE_FAULTS, nemeses };
  checkEach(36, (seed) => ({ seed, ...plan, partsOf: () => ({ stateEvery: 10 }) }));
});

test("slots that move take everything with them", () => {
  const nemeses = ["move", "move", "move", "lag", "leave"] as const;
  checkEach(36, (seed) => ({ seed, faults: LATE_FAULTS, nemeses }));
});

test("keys that have expired for one owner are gone for all, though their clocks differ", () => {
  const plan = { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, expires: true };
  checkEach(24, (seed) => ({ seed, ...plan }));
});

/** In how many of some runs the checker finds something. */
function countViolations(
  ratesOf: (random: Random) => { monotonic: number; epoch: number },
): number {
  const nemeses = ["cut", "suspend", "freeze", "lag"] as const;
  let count = 0;
  for (let seed = 1; seed <= 40 && count === 0; seed++) {
    // Who finds that messages were purged begins anew, and does no harm with its lease.
    const partsOf = () => ({ stateEvery: Infinity });
    const plan = { seed, faults: USUAL_FAULTS, nemeses, ratesOf, partsOf };
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
  const found = countViolations(() => ({ monotonic: 1, epoch: 0 }));
  assert.ok(found > 0);
});

test.run();
