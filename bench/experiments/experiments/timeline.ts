/**
 * Throughput over time while KNs come and go: the load doubles and halves, or a KN dies.
 *
 * @module
 */
import { createRandom } from "../../workloads/random.ts";
import type { Process } from "../kernel/simulation.ts";
import { Simulation } from "../kernel/simulation.ts";
import { Fabric } from "../model/fabric.ts";
import type { ExperimentPlan, TimelinePlan } from "../plan.ts";
import { dinomoOptions } from "../systems/catalogue.ts";
import { Dinomo, type DinomoOptions } from "../systems/dinomo/dinomo.ts";
import { DinomoN } from "../systems/dinomo/dinomo_n.ts";
import type { ElasticSystem } from "../systems/system.ts";
import { ClosedLoop } from "../workload/closed_loop.ts";
import { LoadRecorder } from "../workload/load_recorder.ts";
import { mixOf } from "../workload/mix.ts";
import { Zipf } from "../workload/zipf.ts";

const MIX = mixOf("update-5");
const EXPONENT = 0.5;
/** An interval below this share of the throughput before counts as disturbed. */
const UNDISTURBED_SHARE = 0.9;
/** Operations that a KN can end in a microsecond, at most. */
const OPERATIONS_PER_NODE_US = 2;

/** Systems by the names of the figures. */
export const ELASTIC_SYSTEMS = ["Dinomo", "Dinomo-N"] as const;
export type ElasticSystemName = (typeof ELASTIC_SYSTEMS)[number];

/** An interval of a timeline. */
export interface TimelinePoint {
  readonly atMs: number;
  readonly operationsPerSecond: number;
}

/** A change of the KNs, and what it did to the throughput. */
export interface Change {
  readonly what: string;
  readonly beginMs: number;
  /** How long slots were moved for; a failure begins when the KN dies. */
  readonly durationMs: number;
  /** By what share of the usual throughput the worst interval was below it. */
  readonly dip: number;
  /** How long intervals were below {@linkcode UNDISTURBED_SHARE} of that. */
  readonly disturbedMs: number;
}

/** What happened to one system. */
export interface Timeline {
  readonly system: ElasticSystemName;
  readonly points: readonly TimelinePoint[];
  readonly changes: readonly Change[];
}

/** A running system, its load, and what happens when. */
class Stage {
  readonly simulation = new Simulation();
  readonly system: ElasticSystem;
  readonly loop: ClosedLoop;
  readonly #plan: TimelinePlan;
  readonly #recorder: LoadRecorder;
  readonly #moves: { what: string; beginMs: number; endMs: number }[] = [];

  constructor(name: ElasticSystemName, plan: TimelinePlan, seed: number) {
    this.#plan = plan;
    const { simulation } = this;
    const { keyCount, nodeCount, addedCount, endMs } = plan;
    const writeShare = MIX.writeShare;
    const operations = (nodeCount + addedCount) * OPERATIONS_PER_NODE_US * endMs * 1000;
    const writeCountMax = Math.ceil(operations * writeShare);
    const deployment = { nodeCount, keyCount, writeCountMax, insertCountMax: 0 };
    const options = dinomoOptions(deployment, { policy: "dac" });
    this.system = build(name, simulation, options, plan.dataBytes);
    this.#recorder = new LoadRecorder(simulation, plan.intervalMs * 1000);
    const load = {
      mix: MIX,
      zipf: new Zipf(keyCount, EXPONENT),
      keyCount,
      random: createRandom(seed),
    };
    this.loop = new ClosedLoop(simulation, this.system, load, this.#recorder);
  }

  /** Sets the number of clients at a moment. */
  setLoadAt(ms: number, clientCount: number): void {
    const { loop, simulation } = this;
    const process = function* (): Process {
      yield ms * 1000;
      loop.setClientCount(clientCount);
    };
    simulation.start(process());
  }

  /** Has something done at a moment, and notes how long it takes. */
  at(ms: number, what: string, change: () => Process): void {
    const moves = this.#moves;
    const { simulation } = this;
    const process = function* (): Process {
      yield* change();
      moves.push({ what, beginMs: ms, endMs: simulation.nowUs / 1000 });
    };
    this.simulation.start(process(), ms * 1000);
  }

  /** Until when a change that began then can be told from what comes next. */
  #untilMs(beginMs: number): number {
    const { halvedMs, endMs } = this.#plan;
    return beginMs < halvedMs && this.#moves.length > 1 ? halvedMs : endMs;
  }

  run(name: ElasticSystemName): Timeline {
    this.simulation.run(this.#plan.endMs * 1000);
    const { intervalMs } = this.#plan;
    const points = this.#recorder.timeline().map(({ beginUs, operations }) => ({
      atMs: beginUs / 1000,
      operationsPerSecond: operations / intervalMs * 1000,
    }));
    const changes = this.#moves.map((move) =>
      changeOf(move, this.#untilMs(move.beginMs), points, intervalMs)
    );
    return { system: name, points, changes };
  }
}

function build(
  name: ElasticSystemName,
  simulation: Simulation,
  options: DinomoOptions,
  dataBytes: number,
): ElasticSystem {
  const fabric = new Fabric(simulation);
  return name === "Dinomo"
    ? new Dinomo(simulation, fabric, options)
    : new DinomoN(simulation, fabric, options, dataBytes);
}

/** Intervals whose mean is the usual throughput. */
const USUAL_INTERVALS = 10;

function meanOf(points: readonly TimelinePoint[]): number {
  return points.reduce((sum, point) => sum + point.operationsPerSecond, 0) / points.length;
}

/**
 * Compares the throughput after a change with the usual one: that right before it or that in the
 * end, whichever is lower.
 */
function changeOf(
  move: { what: string; beginMs: number; endMs: number },
  untilMs: number,
  points: readonly TimelinePoint[],
  intervalMs: number,
): Change {
  const { what, beginMs, endMs } = move;
  const before = points.filter(({ atMs }) => atMs + intervalMs <= beginMs);
  const after = points.filter(({ atMs }) => atMs >= beginMs && atMs + intervalMs <= untilMs);
  const usual = Math.min(
    meanOf(before.slice(-USUAL_INTERVALS)),
    meanOf(after.slice(-USUAL_INTERVALS)),
  );
  const shares = after.map(({ operationsPerSecond }) => operationsPerSecond / usual);
  return {
    what,
    beginMs,
    durationMs: endMs - beginMs,
    dip: Math.max(0, 1 - Math.min(...shares)),
    disturbedMs: shares.filter((share) => share < UNDISTURBED_SHARE).length * intervalMs,
  };
}

/** The load doubles, and KNs are added; it halves, and they are removed. */
export function measureElasticity(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): Timeline[] {
  const { timeline } = plan;
  const { nodeCount, addedCount, clientsPerNode, changeMs, reactionMs, halvedMs } = timeline;
  return ELASTIC_SYSTEMS.map((name) => {
    progress(`elasticity: ${name}`);
    const stage = new Stage(name, timeline, seed);
    const { system, loop } = stage;
    const clientCount = nodeCount * clientsPerNode;
    loop.setClientCount(clientCount);
    stage.setLoadAt(changeMs, 2 * clientCount);
    stage.at(changeMs + reactionMs, `add ${addedCount}`, () => system.addNodes(addedCount));
    stage.setLoadAt(halvedMs, clientCount);
    stage.at(halvedMs + reactionMs, `remove ${addedCount}`, () => system.removeNodes(addedCount));
    return stage.run(name);
  });
}

/** A KN dies. */
export function measureFailure(
  plan: ExperimentPlan,
  seed: number,
  progress: (line: string) => void,
): Timeline[] {
  const { timeline } = plan;
  const { nodeCount, addedCount, clientsPerNode, changeMs, detectionMs } = timeline;
  return ELASTIC_SYSTEMS.map((name) => {
    progress(`failure: ${name}`);
    const started = { ...timeline, nodeCount: nodeCount + addedCount };
    const stage = new Stage(name, started, seed);
    stage.loop.setClientCount(started.nodeCount * clientsPerNode);
    stage.at(changeMs, "one dies", () => stage.system.failNode(detectionMs * 1000));
    return stage.run(name);
  });
}
