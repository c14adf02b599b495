/**
 * How evenly the load is spread over the KNs, by skew, without and with selective replication,
 * which shares the keys that make one thread the limit.
 *
 * @module
 */
import { createRandom } from "../../workloads/random.ts";
import { Simulation } from "../kernel/simulation.ts";
import { Fabric } from "../model/fabric.ts";
import { CLIENTS_PER_NODE, type ExperimentPlan } from "../plan.ts";
import { dinomoOptions } from "../systems/catalogue.ts";
import { Dinomo } from "../systems/dinomo/dinomo.ts";
import type { SharingPolicy } from "../systems/dinomo/key_sharing.ts";
import { ClosedLoop } from "../workload/closed_loop.ts";
import { LoadRecorder } from "../workload/load_recorder.ts";
import { type Mix, mixOf } from "../workload/mix.ts";
import { Zipf } from "../workload/zipf.ts";
import { deploymentOf } from "./throughput.ts";

const SLICE_US = 200;

/**
 * What keys are shared by: latencies of a closed loop are long as long as one thread is the limit.
 */
export const SHARING: SharingPolicy = { windowUs: 1000, meanMicrosMax: 100 };

/** One load. */
export interface BalanceRow {
  readonly exponent: number;
  readonly mix: string;
  readonly isSharing: boolean;
  /** How many KNs own each of the keys that several own, the highest first. */
  readonly keyOwners: readonly number[];
  readonly operationsPerSecond: number;
  /** Of each KN, the share of its time that its threads were busy; the highest first. */
  readonly nodeUtilizations: readonly number[];
  /** Of the busiest thread of all. */
  readonly threadUtilizationMax: number;
}

/** Measures all loads. */
export function measureBalance(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): BalanceRow[] {
  const { steady, balance: { nodeCount, loads } } = plan;
  const { keyCount, warmUpOperations, operations } = steady;
  const measure = (exponent: number, mix: Mix, isSharing: boolean): BalanceRow => {
    const how = isSharing ? "with" : "without";
    progress(`balance: Zipf ${exponent}, ${mix.title}, ${how} replication`);
    const simulation = new Simulation();
    const deployment = deploymentOf(steady, nodeCount, mix);
    const options = dinomoOptions(deployment, { policy: "dac" });
    const system = new Dinomo(
      simulation,
      new Fabric(simulation),
      isSharing ? { ...options, sharing: SHARING } : options,
    );
    const recorder = new LoadRecorder(simulation, SLICE_US);
    const zipf = new Zipf(keyCount, exponent);
    const load = { mix, zipf, keyCount, random: createRandom(seed) };
    const loop = new ClosedLoop(simulation, system, load, recorder);
    loop.setClientCount(nodeCount * CLIENTS_PER_NODE);
    for (const count of [warmUpOperations, operations]) {
      recorder.reset();
      system.resetCounts();
      while (recorder.operations < count) simulation.run(simulation.nowUs + SLICE_US);
    }
    return {
      exponent,
      mix: mix.title,
      isSharing,
      keyOwners: [...system.keyOwners.values()].sort((a, b) => b - a),
      operationsPerSecond: recorder.operationsPerSecond,
      nodeUtilizations: [...system.nodeUtilizations].sort((a, b) => b - a),
      threadUtilizationMax: Math.max(...system.threadUtilizations),
    };
  };
  return loads.flatMap(({ exponent, mix }) =>
    [false, true].map((isSharing) => measure(exponent, mixOf(mix), isSharing))
  );
}
