/**
 * Reads from one attached thread and from two at once.
 *
 * The KNs are idle meanwhile. How much two threads get done where they have nothing at all in
 * common depends on the machine, and on what else it does; so that is measured in turn with the
 * reads, as the work to compare them with.
 *
 * @module
 */
import { open } from "../../mod.ts";
import { median } from "../measure/statistics.ts";
import { operationsPerSecond, type Pass } from "../measure/repetition.ts";
import {
  type Customer,
  type Entry,
  makeKey,
  makeValues,
  VALUE_BYTES_LARGE,
  VALUE_BYTES_SMALL,
} from "../workloads/records.ts";
import { BenchThread, moduleUrl } from "./bench_thread.ts";
import type { ThreadsPlan } from "./plan.ts";

/** What the threads do: read values of a size, or work on their own. */
export type ReadWork = "getSync 100 B" | "getSync 1 KiB" | "nothing shared";

export interface ReadFigures {
  work: ReadWork;
  /** Operations per second of one thread, and of both together: medians. */
  oneThread: number;
  twoThreads: number;
  /** Of the medians. */
  ratio: number;
  /** Of the best repetitions: what two threads get done while nothing else wants the processors. */
  bestRatio: number;
}

/** What a thread gets, and the argument of its `run`. */
export interface ReadsThreadData {
  handle: ReturnType<Awaited<ReturnType<typeof open>>["share"]>;
  keyCount: number;
  seed: number;
}
export interface RunOrder {
  isShared: boolean;
  ms: number;
  threadCount: number;
  /** One word, 0: how many threads have arrived. */
  barrier: SharedArrayBuffer;
}

const SEED = 1;
const WARM_UP_FACTOR = 3;

export async function measureReads(plan: ThreadsPlan): Promise<ReadFigures[]> {
  return [
    ...await measureSize(plan, VALUE_BYTES_SMALL, ["getSync 100 B", "nothing shared"]),
    ...await measureSize(plan, VALUE_BYTES_LARGE, ["getSync 1 KiB"]),
  ];
}

async function measureSize(
  plan: ThreadsPlan,
  valueBytes: number,
  works: readonly ReadWork[],
): Promise<ReadFigures[]> {
  const { keyCount, readMs, readRepetitionCount } = plan;
  const store = await open<Customer>();
  const values = makeValues(SEED, valueBytes);
  await store.putMany(
    Array.from({ length: keyCount }, (_, i): Entry => [makeKey(i), values[i % values.length]]),
  );
  const threads: BenchThread[] = [];
  for (const seed of [1, 2]) {
    const data: ReadsThreadData = { handle: store.share(), keyCount, seed };
    threads.push(await BenchThread.start(moduleUrl("reads_thread"), data));
  }
  try {
    const rates = works.map((work) => ({ work, one: [] as number[], two: [] as number[] }));
    for (const { work } of rates) await runOn(threads, work, readMs * WARM_UP_FACTOR);
    for (let repetition = 0; repetition < readRepetitionCount; repetition++) {
      for (const { work, one, two } of rates) {
        one.push(await runOn([threads[repetition % 2]], work, readMs));
        two.push(await runOn(threads, work, readMs));
      }
    }
    return rates.map(({ work, one, two }) => {
      const [oneThread, twoThreads] = [median(one), median(two)];
      const bestRatio = Math.max(...two) / Math.max(...one);
      return { work, oneThread, twoThreads, ratio: twoThreads / oneThread, bestRatio };
    });
  } finally {
    for (const thread of threads) await thread.end();
    await store.close();
  }
}

/** Operations per second of all threads together. */
async function runOn(threads: BenchThread[], work: ReadWork, ms: number): Promise<number> {
  const order: RunOrder = {
    isShared: work !== "nothing shared",
    ms,
    threadCount: threads.length,
    barrier: new SharedArrayBuffer(4),
  };
  const passes = await Promise.all(threads.map((thread) => thread.call<Pass>("run", order)));
  return passes.reduce((sum, pass) => sum + operationsPerSecond(pass), 0);
}
