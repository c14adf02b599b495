/**
 * What the experiments' model says of round trips: Dinomo's KNs with the store's own cache policy,
 * in virtual time (bench/experiments).
 *
 * @module
 */
import { CACHE_POLICY_DEFAULT } from "../../lib/cache/cache.ts";
import { measureSteady } from "../experiments/experiments/steady.ts";
import { deploymentOf } from "../experiments/experiments/throughput.ts";
import { Dinomo } from "../experiments/systems/dinomo/dinomo.ts";
import type { SystemUnderTest } from "../experiments/systems/system.ts";
import { Zipf } from "../experiments/workload/zipf.ts";
import { EXPONENT, KEPT_VALUE_BYTES, MIX, nodeCacheBytes, type RoundTripsPlan } from "./load.ts";
import { type OperationKinds, perKind } from "./operation_kinds.ts";

/** Runs the model with so many KNs. */
export function predict(plan: RoundTripsPlan, nodeCount: number, seed: number): OperationKinds {
  const { keyCount } = plan;
  const budgetBytes = nodeCacheBytes(keyCount);
  const cache = { policy: CACHE_POLICY_DEFAULT, budgetBytes };
  const options = { ...deploymentOf(plan, nodeCount, MIX), valueBytes: KEPT_VALUE_BYTES, cache };
  const made: { system?: SystemUnderTest } = {};
  measureSteady({
    ...plan,
    build: (simulation, fabric) => made.system = new Dinomo(simulation, fabric, options),
    nodeCount,
    mix: MIX,
    zipf: new Zipf(keyCount, EXPONENT),
    seed,
  });
  const { operations, reads, roundTrips, writeRoundTrips, valueHits, shortcutHits } =
    made.system!.counts;
  return perKind({
    valueHits,
    shortcutHits,
    misses: reads - valueHits - shortcutHits,
    changes: operations - reads,
    readRoundTrips: roundTrips - writeRoundTrips,
    changeRoundTrips: writeRoundTrips,
  });
}
