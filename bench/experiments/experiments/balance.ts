/**
 * How evenly the load is spread over the KNs, by skew.
 *
 * Selective replication belongs here as soon as there is one: it shares the keys that make one thread the limit.
 *
 * @module
 */
import { createRandom } from "../../workloads/random.ts";
import { Simulation } from "../kernel/simulation.ts";
import { Fabric } from "../model/fabric.ts";
import { CLIENTS_PER_NODE, type ExperimentPlan } from "../plan.ts";
import { dinomoOptions } from "../systems/catalogue.ts";
import { Dinomo } from "../systems/dinomo/dinomo.ts";
import { ClosedLoop } from "../workload/closed_loop.ts";
import { LoadRecorder } from "../workload/load_recorder.ts";
import { mixOf } from "../workload/mix.ts";
import { Zipf } from "../workload/zipf.ts";
import { deploymentOf } from "./throughput.ts";

const MIX = mixOf("update-5");
const SLICE_US = 200;

/** One skew. */
export interface BalanceRow {
  readonly exponent: number;
  readonly operationsPerSecond: number;
  /** Of each KN, the share of its time that its threads were busy; the highest first. */
  readonly nodeUtilizations: readonly number[];
  /** Of the busiest thread of all. */
  readonly threadUtilizationMax: number;
}

/** Measures all skews. */
export function measureBalance(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): BalanceRow[] {
  const { steady, balance: { nodeCount, exponents } } = plan;
  const { keyCount, warmUpOperations, operations } = steady;
  return exponents.map((exponent) => {
    progress(`balance: Zipf ${exponent}`);
    const simulation = new Simulation();
    const deployment = deploymentOf(steady, nodeCount, MIX);
    const options = dinomoOptions(deployment, { policy: "dac" });
    const system = new Dinomo(simulation, new Fabric(simulation), options);
    const recorder = new LoadRecorder(simulation, SLICE_US);
    const zipf = new Zipf(keyCount, exponent);
    const load = { mix: MIX, zipf, keyCount, random: createRandom(seed) };
    const loop = new ClosedLoop(simulation, system, load, recorder);
    loop.setClientCount(nodeCount * CLIENTS_PER_NODE);
    for (const count of [warmUpOperations, operations]) {
      recorder.reset();
      system.resetCounts();
      while (recorder.operations < count) simulation.run(simulation.nowUs + SLICE_US);
    }
    return {
      exponent,
      operationsPerSecond: recorder.operationsPerSecond,
      nodeUtilizations: [...system.nodeUtilizations].sort((a, b) => b - a),
      threadUtilizationMax: Math.max(...system.threadUtilizations),
    };
  });
}
