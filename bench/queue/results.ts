/**
 * Measures queues of jobs under one runtime, in interleaved repetitions: two threads add jobs, two
 * others do them.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { open } from "../../mod.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { startRedisServer } from "../peers/redis_server.ts";
import { alignColumns, formatRate, threeDigits } from "../report/format.ts";
import { BenchThread } from "../threads/bench_thread.ts";
import { loadSqlite, type QueuePlace } from "./job_queue.ts";

const THREADS = 2;
/** Jobs that a producer adds at once. */
const AT_ONCE = 100;
/**
 * Without a job done for so long none will be: even one whose consumer has died has come back by
 * then.
 */
const STALLED_MS = 90_000;

/** Jobs in a second, of one queue. */
export interface QueueFigures {
  name: string;
  jobs: number;
  /**
   * Processor time of a job, of all threads of this process, in microseconds: what limits the rate
   * when there are more threads than processors. Redis is another process, and not counted.
   */
  jobUs: number;
  /** Jobs that were done more than once. */
  again: number;
}

export interface QueueResults {
  environment: Environment;
  jobCount: number;
  peers: QueueFigures[];
  /** Queues that take no part, and why. */
  omissions: string[];
}

interface Plan {
  repetitionCount: number;
  /** Jobs that are done first: until then the runtime is compiling, in each of the threads. */
  warmUpCount: number;
  jobCount: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { repetitionCount: 1, warmUpCount: 100, jobCount: 200 },
  quick: { repetitionCount: 3, warmUpCount: 20_000, jobCount: 20_000 },
  // Bun compiles for some hundred thousand jobs: less by less, but a third of the time at first.
  full: { repetitionCount: 5, warmUpCount: 100_000, jobCount: 100_000 },
};

/** A queue that is started anew for each repetition. */
interface Contestant {
  name: string;
  /** Starts it in a folder. */
  start(folder: string): Promise<{ place: QueuePlace; stop(): Promise<void> }>;
}

const CONTESTANTS: readonly Contestant[] = [
  {
    name: "Dinomo",
    start: async (folder) => {
      const store = await open({
        path: join(folder, "pool"),
        capacity: "256MiB",
        durability: "os",
        ordered: true,
      });
      return { place: { kind: "dinomo", handle: store.share() }, stop: () => store.close() };
    },
  },
  {
    name: "SQLite",
    start: async (folder) => {
      await loadSqlite();
      const path = join(folder, "jobs.sqlite");
      return { place: { kind: "sqlite", path }, stop: async () => {} };
    },
  },
  {
    name: "BullMQ (Redis)",
    start: async (folder) => {
      // The second one is optional to the first, which needs it.
      for (const moduleName of ["bullmq", "ioredis"]) await import(moduleName);
      const server = await startRedisServer(folder, { appendonly: "yes" });
      const { host, port } = server;
      return { place: { kind: "bullmq", host, port }, stop: () => server.stop() };
    },
  },
];

export async function measureQueues(size: Size): Promise<QueueResults> {
  const plan = PLANS[size];
  const { repetitionCount, jobCount } = plan;
  const rates = new Map<string, number[]>();
  const times = new Map<string, number[]>();
  const again = new Map<string, number>();
  const omissions = new Map<string, string>();
  for (let i = 0; i < repetitionCount; i++) {
    for (const contestant of CONTESTANTS) {
      const { name } = contestant;
      if (omissions.has(name)) continue;
      try {
        const done = await measure(contestant, plan);
        rates.set(name, [...rates.get(name) ?? [], done.rate]);
        times.set(name, [...times.get(name) ?? [], done.jobUs]);
        again.set(name, (again.get(name) ?? 0) + done.again);
      } catch (error) {
        if (contestant === CONTESTANTS[0]) throw error;
        omissions.set(name, error instanceof Error ? error.message : String(error));
      }
    }
  }
  const peers = [...rates].map(([name, list]) => {
    return { name, jobs: median(list), jobUs: median(times.get(name)!), again: again.get(name)! };
  });
  const left = [...omissions].map(([name, reason]) => `${name} takes no part: ${reason}`);
  return { environment: describeEnvironment(), jobCount, peers, omissions: left };
}

export function formatQueues({ jobCount, peers, omissions }: QueueResults): string {
  const columns = ["jobs a second", "Dinomo to it", "processor us", "done again"];
  const head = [`${jobCount} jobs, 2 + 2 threads`, ...columns];
  const dinomo = peers[0]!;
  const lines = peers.map(({ name, jobs, jobUs, again }) => [
    name,
    formatRate(jobs),
    `${threeDigits(dinomo.jobs / jobs)} x`,
    threeDigits(jobUs),
    String(again),
  ]);
  return [alignColumns([head, ...lines]), ...omissions].join("\n");
}

async function measure(
  { start }: Contestant,
  { warmUpCount, jobCount }: Plan,
): Promise<{ rate: number; jobUs: number; again: number }> {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const { place, stop } = await start(folder);
  const threads = await startThreads(place);
  // How many jobs are done, and how often each.
  const done = new Int32Array(new SharedArrayBuffer((warmUpCount + jobCount + 1) * 4));
  const producers = threads.slice(0, THREADS);
  const consumers = threads.slice(THREADS);
  for (const consumer of consumers) await consumer.call("consume", { done });
  await doJobs(producers, done, 0, warmUpCount);
  const begin = performance.now();
  const used = process.cpuUsage();
  await doJobs(producers, done, warmUpCount, jobCount);
  const rate = jobCount / (performance.now() - begin) * 1000;
  const { user, system } = process.cpuUsage(used);
  for (const thread of threads) await thread.end();
  await stop();
  rmSync(folder, { recursive: true, force: true });
  const jobUs = (user + system) / jobCount;
  return { rate, jobUs, again: done.subarray(1).filter((times) => times > 1).length };
}

/** Has jobs added, behind those that are done, and waits until they are done, too. */
async function doJobs(
  producers: BenchThread[],
  done: Int32Array,
  from: number,
  jobCount: number,
): Promise<void> {
  const count = jobCount / producers.length;
  const produced = producers.map((producer, i) => {
    return producer.call("produce", { from: from + i * count, count, atOnce: AT_ONCE });
  });
  await Promise.all(produced);
  await whenDone(done, from + jobCount);
}

/**
 * Waits until so many jobs are done.
 *
 * @throws when none is done any more: a queue that loses one is no contestant
 */
async function whenDone(done: Int32Array, count: number): Promise<void> {
  let seen = 0;
  let seenMs = performance.now();
  for (let now = Atomics.load(done, 0); now < count; now = Atomics.load(done, 0)) {
    if (now !== seen) [seen, seenMs] = [now, performance.now()];
    else if (performance.now() - seenMs > STALLED_MS) {
      throw new Error(`${now} of ${count} jobs were done, and then none in ${STALLED_MS} ms`);
    }
    await setTimeout(1);
  }
}

function startThreads(place: QueuePlace): Promise<BenchThread[]> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const module = new URL(`./queue_thread.${extension}`, import.meta.url);
  const threads = Array.from({ length: 2 * THREADS }, () => BenchThread.start(module, place));
  return Promise.all(threads);
}
