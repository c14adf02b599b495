/**
 * One system under one load, in its steady state: throughput, latency, round trips, hits, and what
 * limits it.
 *
 * @module
 */
import { createRandom, type Random } from "../../workloads/random.ts";
import { Simulation } from "../kernel/simulation.ts";
import { Fabric } from "../model/fabric.ts";
import { CLIENTS_PER_NODE } from "../plan.ts";
import type { Resource, SystemUnderTest } from "../systems/system.ts";
import { ClosedLoop } from "../workload/closed_loop.ts";
import { LoadRecorder } from "../workload/load_recorder.ts";
import type { Mix } from "../workload/mix.ts";
import type { Zipf } from "../workload/zipf.ts";

/** Between two looks at whether enough operations have ended. */
const SLICE_US = 200;
/** In use for so much of its time, a resource has nothing left to give. */
const FULL_SHARE = 0.97;
/** Of the timeline, which nobody looks at here. */
const INTERVAL_US = 1000;

/** Makes a system for a simulation. */
export type BuildSystem = (
  simulation: Simulation,
  fabric: Fabric,
  random: Random,
) => SystemUnderTest;

/** What is run, and for how long. */
export interface SteadyRun {
  readonly build: BuildSystem;
  readonly nodeCount: number;
  readonly mix: Mix;
  readonly zipf: Zipf;
  readonly keyCount: number;
  readonly seed: number;
  readonly warmUpOperations: number;
  readonly operations: number;
}

/** What a run has come to. */
export interface SteadyFigures {
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly roundTripsPerOperation: number;
  /** Shares of the reads. */
  readonly valueHitShare: number;
  readonly shortcutHitShare: number;
  /** What limits the throughput, and the share of its time that it is in use. */
  readonly limit: Resource;
}

/** Runs a system until its caches are warm, and then for as long again as asked. */
export function measureSteady(run: SteadyRun): SteadyFigures {
  const simulation = new Simulation();
  const random = createRandom(run.seed);
  const system = run.build(simulation, new Fabric(simulation), random);
  const recorder = new LoadRecorder(simulation, INTERVAL_US);
  const { mix, zipf, keyCount } = run;
  const loop = new ClosedLoop(simulation, system, { mix, zipf, keyCount, random }, recorder);
  loop.setClientCount(run.nodeCount * CLIENTS_PER_NODE);
  const runFor = (operations: number) => {
    recorder.reset();
    system.resetCounts();
    while (recorder.operations < operations) simulation.run(simulation.nowUs + SLICE_US);
  };
  runFor(run.warmUpOperations);
  runFor(run.operations);
  const { counts } = system;
  return {
    operationsPerSecond: recorder.operationsPerSecond,
    p50Us: recorder.latencyUs(0.5),
    p99Us: recorder.latencyUs(0.99),
    roundTripsPerOperation: counts.roundTrips / counts.operations,
    valueHitShare: counts.valueHits / counts.reads,
    shortcutHitShare: counts.shortcutHits / counts.reads,
    limit: limitOf(system.resources),
  };
}

/**
 * What limits the throughput: what is used most. But threads count as busy while they wait for
 * their round trips; so if anything else is as good as always in use, it is that which they wait
 * for.
 */
export function limitOf(resources: readonly Resource[]): Resource {
  const busiest = (candidates: readonly Resource[]) =>
    candidates.reduce((most, other) => other.utilization > most.utilization ? other : most);
  const isFull = ({ isWaiting, utilization }: Resource) => !isWaiting && utilization >= FULL_SHARE;
  const full = resources.filter(isFull);
  const { name, utilization } = busiest(full.length > 0 ? full : resources);
  return { name, utilization };
}
