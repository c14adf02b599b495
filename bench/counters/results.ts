/**
 * Measures counters under one runtime, in interleaved repetitions.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../mod.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { redisServerVersion, startRedisServer } from "../peers/redis_server.ts";
import { alignColumns, formatRate, threeDigits } from "../report/format.ts";
import { BenchThread } from "../threads/bench_thread.ts";
import { type Counters, countFor, ofRedis, ofStore, type Place } from "./counter.ts";

const LANES = 64;
const THREADS = 2;

/** Increments in a second, by what increments them. */
export interface CounterFigures {
  name: string;
  /** 64 at once, on one key and on 64. */
  oneKey: number;
  manyKeys: number;
  /** Two threads with 32 each, on one key. */
  twoThreads: number;
}

export interface CountersResults {
  environment: Environment;
  peers: CounterFigures[];
  /** Why Redis does not take part; absent if it does. */
  omission?: string;
}

interface Plan {
  repetitionCount: number;
  ms: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { repetitionCount: 2, ms: 5 },
  quick: { repetitionCount: 9, ms: 150 },
  full: { repetitionCount: 21, ms: 400 },
};

interface Contestant {
  name: string;
  counters: Counters;
  threads: BenchThread[];
  figures: Record<"oneKey" | "manyKeys" | "twoThreads", number[]>;
  end(): Promise<void>;
}

export async function measureCounters(size: Size): Promise<CountersResults> {
  const { repetitionCount, ms } = PLANS[size];
  const contestants = [await startDinomo()];
  let omission: string | undefined;
  try {
    await redisServerVersion();
    contestants.push(await startRedis());
  } catch (error) {
    omission = error instanceof Error ? error.message : String(error);
  }
  for (let i = 0; i < repetitionCount; i++) {
    for (const contestant of contestants) await repeat(contestant, ms);
  }
  for (const contestant of contestants) await contestant.end();
  const peers = contestants.map(({ name, figures }) => ({
    name,
    oneKey: median(figures.oneKey),
    manyKeys: median(figures.manyKeys),
    twoThreads: median(figures.twoThreads),
  }));
  const environment = describeEnvironment();
  return { environment, peers, ...(omission === undefined ? {} : { omission }) };
}

export function formatCounters({ peers, omission }: CountersResults): string {
  const head = ["increments a second", "64, one key", "64, 64 keys", "ratio", "2 threads, one key"];
  const lines = peers.map(({ name, oneKey, manyKeys, twoThreads }) => [
    name,
    formatRate(oneKey),
    formatRate(manyKeys),
    `${threeDigits(oneKey / manyKeys)} x`,
    formatRate(twoThreads),
  ]);
  const [dinomo, redis] = peers;
  if (redis !== undefined) {
    lines.push([
      "Dinomo to Redis",
      `${threeDigits(dinomo!.oneKey / redis.oneKey)} x`,
      `${threeDigits(dinomo!.manyKeys / redis.manyKeys)} x`,
      "",
      `${threeDigits(dinomo!.twoThreads / redis.twoThreads)} x`,
    ]);
  }
  const left = omission === undefined ? "" : `\nRedis takes no part: ${omission}`;
  return alignColumns([head, ...lines]) + left;
}

async function repeat({ counters, threads, figures }: Contestant, ms: number): Promise<void> {
  const { increment } = counters;
  figures.oneKey.push(await countFor(increment, ms, LANES, () => "one"));
  figures.manyKeys.push(await countFor(increment, ms, LANES, (lane) => `key ${lane}`));
  const load = { ms, lanes: LANES / THREADS };
  const rates = await Promise.all(threads.map((thread) => thread.call<number>("count", load)));
  figures.twoThreads.push(rates.reduce((sum, rate) => sum + rate, 0));
}

async function startDinomo(): Promise<Contestant> {
  const store = await open<number>({ capacity: "64MiB" });
  const threads = await startThreads({ kind: "dinomo", handle: store.share() });
  return contestant("Dinomo", ofStore(store), threads, async () => {});
}

async function startRedis(): Promise<Contestant> {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const server = await startRedisServer(folder);
  const { host, port } = server;
  const threads = await startThreads({ kind: "redis", host, port });
  const { Redis } = await import("ioredis");
  const counters = ofRedis(new Redis({ host, port, enableAutoPipelining: true }));
  return contestant("Redis INCR (ioredis)", counters, threads, async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}

function contestant(
  name: string,
  counters: Counters,
  threads: BenchThread[],
  stop: () => Promise<void>,
): Contestant {
  const figures = { oneKey: [], manyKeys: [], twoThreads: [] };
  const end = async () => {
    for (const thread of threads) await thread.end();
    await counters.close();
    await stop();
  };
  return { name, counters, threads, figures, end };
}

function startThreads(place: Place): Promise<BenchThread[]> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const module = new URL(`./counter_thread.${extension}`, import.meta.url);
  return Promise.all(Array.from({ length: THREADS }, () => BenchThread.start(module, place)));
}
