/**
 * KNs are killed under load, again and again: how long that holds up what was under way, and
 * whether anything is lost or done twice.
 *
 * The load comes from the host and from two attached threads: as a store comes, where clients
 * execute requests themselves when nobody else does, and with `help: false`, where all of them have
 * to wait until the thread of another KN has started.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  type NodeFailure,
  type NodeRecovery,
  open,
  type Store,
  type StoreHandle,
} from "../../mod.ts";
import { LifeState } from "../../lib/agent/liveness.ts";
import { AGENT_LIFE_STATE } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { activeNodes } from "../../lib/routing/node_directory.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { currentRuntime } from "../environment.ts";
import { quantileOfSorted } from "../measure/statistics.ts";
import { createRandom, randomBelow } from "../workloads/random.ts";
import { BenchThread, moduleUrl } from "./bench_thread.ts";
import { COUNTER_KEYS, CountingLoad, type LoadFigures } from "./counting_load.ts";
import { Death, KillBoard, sharedNowMs } from "./kill_board.ts";
import type { ThreadsPlan } from "./plan.ts";
import { terminateNode, unwatchWorkers, watchWorkers } from "./terminable_nodes.ts";

export interface Durations {
  medianMs: number;
  p99Ms: number;
  maxMs: number;
}

export interface FailoverFigures {
  /** The store's option. */
  help: boolean;
  killCount: number;
  /** How many of them were terminated from outside; the others died in the middle of a step. */
  terminatedCount: number;
  operationCount: number;
  failedCount: number;
  /** Increments, and last puts, that are missing, or that were done twice. */
  lostOrDoubledCount: number;
  /** From the death of a KN until everything was settled that was pending then, in any thread. */
  settled: Durations;
  /** From the death of a KN until its slots belonged to another one. */
  noticed: Durations;
  /** From then until nothing was left of the KN. */
  recovered: Durations;
}

export interface FailoverThreadData {
  handle: StoreHandle;
  name: string;
}

type Kill = "throw" | "exit" | "terminate";

const NODE_COUNT = 2;
const SEED = 1;
/** A step has some hundred accesses under load. */
const ACCESS_COUNT_MAX = 2000;
const LOOK_MS = 1;
const RECOVERY_MS_MAX = 30_000;

/** What has happened to one KN. */
interface Course {
  settledMs: number;
  noticedMs: number;
  recoveredMs: number;
}

export async function measureFailover(plan: ThreadsPlan): Promise<FailoverFigures[]> {
  return [await measureKills(plan, true), await measureKills(plan, false)];
}

async function measureKills(plan: ThreadsPlan, help: boolean): Promise<FailoverFigures> {
  const canTerminate = currentRuntime() === "node";
  if (canTerminate) watchWorkers();
  const store = await open<number>({
    nodes: NODE_COUNT,
    help,
    capacity: "64MiB",
    workers: { node: moduleUrl("mortal_node") },
  });
  const threads: BenchThread[] = [];
  let load: CountingLoad | undefined;
  try {
    const board = new KillBoard(checkHandle(store.share()).pool);
    board.clear();
    for (const name of ["first", "second"]) {
      const data: FailoverThreadData = { handle: store.share(), name };
      threads.push(await BenchThread.start(moduleUrl("failover_thread"), data));
    }
    load = new CountingLoad(store, board, "host");
    const killer = new Killer(store, board, load, threads);
    const ways: Kill[] = canTerminate ? ["throw", "exit", "terminate"] : ["throw", "exit"];
    const courses: Course[] = [];
    for (let kill = 0; kill < plan.killCount; kill++) {
      await delay(plan.killPauseMs);
      courses.push(await killer.kill(ways[kill % ways.length]));
    }
    const loads = await Promise.all([
      load.end(),
      ...threads.map((thread) => thread.call<LoadFigures>("endLoad")),
    ]);
    const counters = await store.getMany(COUNTER_KEYS);
    const incremented = counters.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    const sumOf = (field: keyof LoadFigures) => loads.reduce((sum, one) => sum + one[field], 0);
    return {
      help,
      killCount: courses.length,
      terminatedCount: killer.terminatedCount,
      operationCount: sumOf("operationCount"),
      failedCount: sumOf("failedCount"),
      lostOrDoubledCount: Math.abs(incremented - sumOf("incrementCount")) + sumOf("wrongCount"),
      settled: durationsOf(courses.map(({ settledMs }) => settledMs)),
      noticed: durationsOf(courses.map(({ noticedMs }) => noticedMs)),
      recovered: durationsOf(courses.map(({ recoveredMs }) => recoveredMs)),
    };
  } finally {
    await load?.end();
    for (const thread of threads) await thread.end();
    await store.close();
    if (canTerminate) unwatchWorkers();
  }
}

/** Kills the KN that has lived longest, and sees what comes of it. */
class Killer {
  terminatedCount = 0;
  readonly #pool: Pool;
  readonly #board: KillBoard;
  readonly #load: CountingLoad;
  readonly #threads: readonly BenchThread[];
  readonly #random = createRandom(SEED);
  /** KNs in the order in which they came. */
  #nodes: number[];
  #failedAtMs = Infinity;
  #recovery: NodeRecovery | undefined;

  constructor(
    store: Store<number>,
    board: KillBoard,
    load: CountingLoad,
    threads: readonly BenchThread[],
  ) {
    this.#pool = Pool.attach(checkHandle(store.share()).pool);
    this.#board = board;
    this.#load = load;
    this.#threads = threads;
    this.#nodes = activeNodes(this.#pool).map(({ nodeId }) => nodeId);
    store.addEventListener("nodefailed", ({ detail }) => this.#onFailed(detail));
    store.addEventListener("noderecovered", ({ detail }) => this.#recovery = detail);
  }

  async kill(kill: Kill): Promise<Course> {
    this.#board.clear();
    this.#failedAtMs = Infinity;
    this.#recovery = undefined;
    const [oldest] = this.#nodes;
    const { agent } = activeNodes(this.#pool).find(({ nodeId }) => nodeId === oldest)!;
    // A thread that ends while it starts is no KN that dies: it is started again.
    const lifeStateAt = this.#pool.agentAt(agent) + AGENT_LIFE_STATE;
    await until(() => Atomics.load(this.#pool.control, lifeStateAt) === LifeState.RUNNING);
    if (kill === "terminate" && terminateNode(agent)) {
      this.terminatedCount += 1;
      this.#board.sayDead();
    } else {
      const accessCount = 1 + randomBelow(this.#random, ACCESS_COUNT_MAX);
      this.#board.order(agent, kill === "exit" ? Death.EXIT : Death.THROW, accessCount);
    }
    await until(() => this.#recovery !== undefined);
    const { durationMs } = this.#recovery!;
    const settled = await Promise.all([
      this.#load.settled(),
      ...this.#threads.map((thread) => thread.call<number>("settled")),
    ]);
    return {
      settledMs: Math.max(...settled),
      noticedMs: this.#failedAtMs - this.#board.diedAtMs,
      recoveredMs: durationMs,
    };
  }

  #onFailed({ node, replacement }: NodeFailure): void {
    this.#failedAtMs = sharedNowMs();
    this.#nodes = [...this.#nodes.filter((other) => other !== node), replacement];
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + RECOVERY_MS_MAX;
  while (!condition()) {
    if (performance.now() > deadlineMs) {
      throw new Error(`a killed KN was not replaced within ${RECOVERY_MS_MAX} ms`);
    }
    await delay(LOOK_MS);
  }
}

function durationsOf(durationsMs: readonly number[]): Durations {
  const sorted = Float64Array.from(durationsMs).sort();
  return {
    medianMs: quantileOfSorted(sorted, 0.5),
    p99Ms: quantileOfSorted(sorted, 0.99),
    maxMs: sorted[sorted.length - 1],
  };
}
