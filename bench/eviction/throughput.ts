/**
 * Operations of several threads on a store that is full and evicts all the time, beside the same on one that has room.
 *
 * @module
 */
import { open } from "../../mod.ts";
import { median } from "../measure/statistics.ts";
import { operationsPerSecond, type Pass } from "../measure/repetition.ts";
import { BenchThread } from "../threads/bench_thread.ts";

/** How it is measured. */
export interface ThroughputPlan {
  readonly threadCount: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  /** Share of the operations that are puts. */
  readonly putShare: number;
  readonly ms: number;
  readonly repetitionCount: number;
}

/** What a thread gets. */
export interface ThroughputThreadData {
  readonly full: Handle;
  readonly roomy: Handle;
  readonly seed: number;
  readonly plan: ThroughputPlan;
}
/** The argument of its `run`. */
export interface ThroughputOrder {
  readonly isFull: boolean;
  readonly ms: number;
  /** One word, 0: how many threads have arrived. */
  readonly barrier: SharedArrayBuffer;
}
type Handle = ReturnType<Awaited<ReturnType<typeof open>>["share"]>;

/** Operations per second of all threads: medians; and their ratio. */
export interface ThroughputFigures {
  readonly full: number;
  readonly roomy: number;
  readonly ratio: number;
  readonly evicted: number;
}

const RECORD_BYTES = 48;
/** Share of the data that the full store holds. */
const FULL_SHARE = 0.1;
const ROOMY_SHARE = 2;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Measures both in turn. */
export async function measureThroughput(plan: ThroughputPlan): Promise<ThroughputFigures> {
  const dataBytes = plan.keyCount * (plan.valueBytes + RECORD_BYTES);
  await using full = await open<Uint8Array>({
    codec: "binary",
    whenFull: "evict",
    capacity: Math.ceil(dataBytes * FULL_SHARE),
  });
  await using roomy = await open<Uint8Array>({
    codec: "binary",
    capacity: Math.ceil(dataBytes * ROOMY_SHARE),
  });
  const threads: BenchThread[] = [];
  const module = new URL(`./throughput_thread.${EXTENSION}`, import.meta.url);
  for (let seed = 1; seed <= plan.threadCount; seed++) {
    const data: ThroughputThreadData = { full: full.share(), roomy: roomy.share(), seed, plan };
    threads.push(await BenchThread.start(module, data));
  }
  try {
    // Until the full store is full, and the other one has all keys.
    for (let i = 0; i < 3; i++) {
      for (const isFull of [true, false]) await run(threads, isFull, plan.ms);
    }
    const rates = { full: [] as number[], roomy: [] as number[] };
    for (let i = 0; i < plan.repetitionCount; i++) {
      rates.full.push(await run(threads, true, plan.ms));
      rates.roomy.push(await run(threads, false, plan.ms));
    }
    const figures = { full: median(rates.full), roomy: median(rates.roomy) };
    return { ...figures, ratio: figures.full / figures.roomy, evicted: full.stats().evicted };
  } finally {
    for (const thread of threads) await thread.end();
  }
}

async function run(
  threads: readonly BenchThread[],
  isFull: boolean,
  ms: number,
): Promise<number> {
  const order: ThroughputOrder = { isFull, ms, barrier: new SharedArrayBuffer(4) };
  const passes = await Promise.all(threads.map((thread) => thread.call<Pass>("run", order)));
  return passes.reduce((sum, pass) => sum + operationsPerSecond(pass), 0);
}
