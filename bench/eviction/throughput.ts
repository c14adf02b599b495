/**
 * Operations of several threads on a store that is full and evicts all the time, beside the same on
 * one that has room, and on a Redis of the same size that evicts as well, where there is one.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../mod.ts";
import { median } from "../measure/statistics.ts";
import { operationsPerSecond, type Pass } from "../measure/repetition.ts";
import { startRedisServer } from "../peers/redis_server.ts";
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
  /** Whether Redis is measured, too. @default false */
  readonly withRedis?: boolean;
}

/** What operations are done on. */
export type ThroughputPeer = "full" | "roomy" | "redis";

/** What a thread gets. */
export interface ThroughputThreadData {
  readonly full: Handle;
  readonly roomy: Handle;
  /** Port of the Redis server. */
  readonly redisPort: number | undefined;
  readonly seed: number;
  readonly plan: ThroughputPlan;
}
/** The argument of its `run`. */
export interface ThroughputOrder {
  readonly peer: ThroughputPeer;
  readonly ms: number;
  /** One word, 0: how many threads have arrived. */
  readonly barrier: SharedArrayBuffer;
}
type Handle = ReturnType<Awaited<ReturnType<typeof open>>["share"]>;

/**
 * Operations per second of all threads: medians; and what the full store gets done for each of the
 * others.
 */
export interface ThroughputFigures {
  readonly full: number;
  readonly roomy: number;
  /** 0 if it is not measured. */
  readonly redis: number;
  readonly ratio: number;
  readonly evicted: number;
}

const RECORD_BYTES = 48;
/** Share of the data that the full store holds. */
const FULL_SHARE = 0.1;
const ROOMY_SHARE = 2;
const WARM_UPS = 2;
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
  const workDir = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const redis = plan.withRedis
    ? await startRedisServer(workDir, {
      maxmemory: String(Math.ceil(dataBytes * FULL_SHARE)),
      "maxmemory-policy": "allkeys-lru",
    })
    : undefined;
  const peers: ThroughputPeer[] = ["full", "roomy", ...(redis ? ["redis" as const] : [])];
  const threads: BenchThread[] = [];
  const module = new URL(`./throughput_thread.${EXTENSION}`, import.meta.url);
  try {
    for (let seed = 1; seed <= plan.threadCount; seed++) {
      const handles = { full: full.share(), roomy: roomy.share(), redisPort: redis?.port };
      const data: ThroughputThreadData = { ...handles, seed, plan };
      threads.push(await BenchThread.start(module, data));
    }
    const value = new Uint8Array(plan.valueBytes);
    for (let key = 0; key < plan.keyCount; key++) {
      // The full store is full from here on, and the other one has all keys.
      full.putSync(`key ${key}`, value);
      roomy.putSync(`key ${key}`, value);
    }
    for (let i = 0; i < WARM_UPS; i++) for (const peer of peers) await run(threads, peer, plan.ms);
    const rates = { full: [] as number[], roomy: [] as number[], redis: [] as number[] };
    for (let i = 0; i < plan.repetitionCount; i++) {
      for (const peer of peers) rates[peer].push(await run(threads, peer, plan.ms));
    }
    const figures = { full: median(rates.full), roomy: median(rates.roomy) };
    return {
      ...figures,
      redis: redis === undefined ? 0 : median(rates.redis),
      ratio: figures.full / figures.roomy,
      evicted: full.stats().evicted,
    };
  } finally {
    for (const thread of threads) await thread.end();
    await redis?.stop();
    rmSync(workDir, { recursive: true, force: true });
  }
}

async function run(
  threads: readonly BenchThread[],
  peer: ThroughputPeer,
  ms: number,
): Promise<number> {
  const order: ThroughputOrder = { peer, ms, barrier: new SharedArrayBuffer(4) };
  const passes = await Promise.all(threads.map((thread) => thread.call<Pass>("run", order)));
  return passes.reduce((sum, pass) => sum + operationsPerSecond(pass), 0);
}
