/**
 * A store under load on real threads: KNs are added and removed, one dies, a key becomes hot and is
 * replicated, while throughput and latency are counted in windows of time.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { open, type Store } from "../../mod.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { activeNodes } from "../../lib/routing/node_directory.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { BenchThread, moduleUrl } from "../threads/bench_thread.ts";
import { Death, KillBoard, sharedNowMs } from "../threads/kill_board.ts";
import {
  type Act,
  actTitle,
  type Scenario,
  SCENARIOS,
  TIMELINE_PLANS,
  type TimelinePlan,
} from "./plan.ts";
import { createHeatWord, HOT_KEY, type LoadFigures } from "./timeline_load.ts";
import type { TimelineThreadData } from "./timeline_thread.ts";
import { createWindowBoard, windowHistograms } from "./window_board.ts";

export interface Window {
  /** Its middle, from the beginning of the first phase. */
  atMs: number;
  operationsPerSecond: number;
  /** Undefined when nothing has ended in it. */
  p50Us: number | undefined;
  p99Us: number | undefined;
}

/** What was done, and what the load saw of it. */
export interface TimelineEvent {
  title: string;
  atMs: number;
  /**
   * Until it was over: `scale` or `replicate` has resolved, or nothing is left of the KN that died.
   */
  durationMs: number;
  /**
   * Median throughput of the windows before it, and of the slowest one during it and right after
   * it.
   */
  beforePerSecond: number;
  slowestPerSecond: number;
  /** Time in windows of less than half the throughput before. */
  dipMs: number;
}

export interface TimelineRun extends LoadFigures {
  /** Name of the scenario. */
  scenario: string;
  windows: Window[];
  events: TimelineEvent[];
}

export interface TimelineResults {
  environment: Environment;
  size: Size;
  startedAt: string;
  /**
   * Runs made of each scenario, of which these are the ones with the median number of operations.
   */
  runCount: number;
  runs: TimelineRun[];
}

/** The run of a scenario. */
export function runOf({ runs }: TimelineResults, name: string): TimelineRun {
  return runs.find(({ scenario }) => scenario === name)!;
}

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Threads under load; the host's has to act. */
const THREAD_COUNT = 2;
/** A step has some hundred accesses under load. */
const DEATH_ACCESS_COUNT = 300;
/** A window right after an act that takes no time belongs to it. */
const AFTER_WINDOWS = 4;
const RECOVERY_MS_MAX = 30_000;

export async function measureTimeline(
  size: Size,
  progress: (line: string) => void,
): Promise<TimelineResults> {
  const plan = TIMELINE_PLANS[size];
  const environment = describeEnvironment();
  const startedAt = new Date().toISOString();
  const runs: TimelineRun[] = [];
  for (const scenario of SCENARIOS) {
    const repeated: TimelineRun[] = [];
    for (let run = 1; run <= plan.runCount; run++) {
      progress(`${scenario.name}: run ${run} of ${plan.runCount}`);
      repeated.push(await runOnce(scenario, plan));
    }
    repeated.sort((a, b) => a.operationCount - b.operationCount);
    runs.push(repeated[repeated.length >>> 1]);
  }
  return { environment, size, startedAt, runCount: plan.runCount, runs };
}

async function runOnce(
  { name, options, acts }: Scenario,
  { warmUpMs, phaseMs, windowMs }: TimelinePlan,
): Promise<TimelineRun> {
  const store = await open<Uint8Array>({
    ...options,
    codec: "binary",
    capacity: "64MiB",
    workers: { node: moduleUrl("mortal_node") },
  });
  const threads: BenchThread[] = [];
  try {
    const killer = new Killer(store);
    const heat = createHeatWord();
    const module = new URL(`./timeline_thread.${EXTENSION}`, import.meta.url);
    for (let thread = 0; thread < THREAD_COUNT; thread++) {
      const data: TimelineThreadData = { handle: store.share(), thread, heat };
      threads.push(await BenchThread.start(module, data));
    }
    // From here on: a busy machine may take longer to start the threads than a whole run takes.
    const startMs = sharedNowMs() + warmUpMs;
    const windowCount = Math.floor(acts.length * phaseMs / windowMs);
    const board = createWindowBoard(THREAD_COUNT, startMs, windowMs, windowCount);
    await Promise.all(threads.map((thread) => thread.call("beginLoad", board)));
    const acted: { act: Act; atMs: number; durationMs: number }[] = [];
    for (const [phase, act] of acts.entries()) {
      await delay(Math.max(0, startMs + phase * phaseMs - sharedNowMs()));
      const beganMs = sharedNowMs();
      await perform(act, store, killer, heat);
      acted.push({ act, atMs: beganMs - startMs, durationMs: sharedNowMs() - beganMs });
    }
    await delay(Math.max(0, startMs + acts.length * phaseMs - sharedNowMs()));
    const loads = await Promise.all(threads.map((thread) => thread.call<LoadFigures>("endLoad")));
    const sumOf = (field: keyof LoadFigures) => loads.reduce((sum, one) => sum + one[field], 0);
    const windows = windowHistograms(board).map((histogram, i): Window => ({
      atMs: (i + 0.5) * windowMs,
      operationsPerSecond: histogram.total / windowMs * 1000,
      p50Us: microsOf(histogram.quantile(0.5)),
      p99Us: microsOf(histogram.quantile(0.99)),
    }));
    return {
      scenario: name,
      operationCount: sumOf("operationCount"),
      failedCount: sumOf("failedCount"),
      wrongCount: sumOf("wrongCount"),
      windows,
      events: acted.filter(({ act }) => act.kind !== "none").map(({ act, atMs, durationMs }) => ({
        title: actTitle(act),
        atMs,
        durationMs,
        ...dipOf(windows, windowMs, phaseMs, atMs, durationMs),
      })),
    };
  } finally {
    for (const thread of threads) await thread.end();
    await store.close();
  }
}

async function perform(
  act: Act,
  store: Store<Uint8Array>,
  killer: Killer,
  heat: Int32Array,
): Promise<void> {
  if (act.kind === "scale") await store.scale(act.nodes);
  else if (act.kind === "kill") await killer.kill();
  else if (act.kind === "heat") Atomics.store(heat, 0, act.percent);
  else if (act.kind === "replicate") await store.replicate(HOT_KEY, act.owners);
}

/** Lets a KN die in the middle of a step. */
class Killer {
  readonly #pool: Pool;
  readonly #board: KillBoard;
  #recoveredCount = 0;

  constructor(store: Store<Uint8Array>) {
    const { pool } = checkHandle(store.share());
    this.#pool = Pool.attach(pool);
    this.#board = new KillBoard(pool);
    this.#board.clear();
    store.addEventListener("noderecovered", () => this.#recoveredCount += 1);
  }

  async kill(): Promise<void> {
    const before = this.#recoveredCount;
    this.#board.order(activeNodes(this.#pool)[0].agent, Death.THROW, DEATH_ACCESS_COUNT);
    const deadlineMs = performance.now() + RECOVERY_MS_MAX;
    while (this.#recoveredCount === before) {
      if (performance.now() > deadlineMs) {
        throw new Error(
          `a KN was to die and be replaced within ${RECOVERY_MS_MAX} ms, and was not`,
        );
      }
      await delay(1);
    }
  }
}

/** How far throughput has fallen during an act, and for how long. */
function dipOf(
  windows: readonly Window[],
  windowMs: number,
  phaseMs: number,
  atMs: number,
  durationMs: number,
): Pick<TimelineEvent, "beforePerSecond" | "slowestPerSecond" | "dipMs"> {
  // On a machine that is very slow everything may have been over by then.
  const first = Math.min(Math.floor(atMs / windowMs), windows.length - 1);
  const last = Math.floor((atMs + durationMs) / windowMs) + AFTER_WINDOWS;
  const rates = (from: number, to: number) =>
    windows.slice(Math.max(0, from), to).map(({ operationsPerSecond }) => operationsPerSecond);
  const beforePerSecond = median(rates(first - Math.ceil(phaseMs / windowMs / 2), first));
  const during = rates(first, last + 1);
  return {
    beforePerSecond,
    slowestPerSecond: Math.min(...during),
    dipMs: during.filter((rate) => rate < beforePerSecond / 2).length * windowMs,
  };
}

function microsOf(nanos: number | undefined): number | undefined {
  return nanos === undefined ? undefined : nanos / 1000;
}
