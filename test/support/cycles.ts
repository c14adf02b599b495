/**
 * Stores that are opened and closed, and threads that attach and leave, again and again: what of it
 * stays behind.
 *
 * @module
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { attach, open, type OpenOptions, type Store } from "../../mod.ts";
import { temporaryPath } from "./temporary.ts";
import type { AttacherData } from "./workers/attacher.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const ATTACHER = new URL(`./workers/attacher.${EXTENSION}`, import.meta.url);
const SIZES = { nodes: 2, capacity: "64MiB" } as const;
const KEY = "key";

/** What the process uses. */
export interface Usage {
  /** Threads and descriptors of the operating system; undefined where there is no /proc. */
  readonly threadCount: number | undefined;
  readonly descriptorCount: number | undefined;
  readonly rssBytes: number;
}

/** What a run of one kind of cycle has found. */
export interface CyclesReport {
  readonly cycleCount: number;
  readonly before: Usage;
  readonly after: Usage;
}

/** One kind of cycle. */
export interface CycleKind {
  readonly name: string;
  readonly run: (cycles: Cycles) => Promise<CyclesReport>;
}

/**
 * How long to wait until usage is back to a baseline: threads end some time after they are told to.
 */
const SETTLE_MS_MAX = 30_000;
const SETTLE_STEP_MS = 50;

/** How much more memory is still none: heaps of runtimes grow and shrink. */
const RSS_GROWTH_BYTES_MAX = 64 * 2 ** 20;

/**
 * Threads that a runtime's own pools may add at any time; what a cycle leaves behind is many times
 * as much.
 */
const THREAD_SLACK = 2;

/**
 * Descriptors that come with them: the thread for signals that Deno starts when it is first needed
 * has two. A worker has six.
 */
const DESCRIPTOR_SLACK = 4;

/**
 * However slow the machine: with fewer, a descriptor left by each would pass for one of the
 * runtime's.
 */
const CYCLE_COUNT_MIN = 2 * DESCRIPTOR_SLACK;

/** How many cycles to run, at most. */
export interface CyclesLimit {
  /**
   * Cycles before the baseline: runtimes load code and start threads of their own, which stay, and
   * the allocator keeps what it has got from the system. On Node that grows for the first hundred
   * stores, and hardly after that.
   */
  readonly warmUpCount: number;
  readonly cycleCount: number;
  readonly ms: number;
}

/** Runs cycles between two looks at the process. */
export class Cycles {
  readonly #limit: CyclesLimit;

  /** Runs as many cycles as the limit allows, and a few in any case. */
  constructor(limit: CyclesLimit) {
    this.#limit = limit;
  }

  /** Runs one kind of cycle. */
  async measure(cycle: () => Promise<void>): Promise<CyclesReport> {
    for (let i = 0; i < this.#limit.warmUpCount; i++) await cycle();
    await setTimeout(SETTLE_STEP_MS);
    const before = usage();
    const deadlineMs = performance.now() + this.#limit.ms;
    let cycleCount = 0;
    const isEnough = () => cycleCount >= CYCLE_COUNT_MIN && performance.now() > deadlineMs;
    while (cycleCount < this.#limit.cycleCount && !isEnough()) {
      await cycle();
      cycleCount += 1;
    }
    return { cycleCount, before, after: await settledUsage(before) };
  }
}

/**
 * A store that stays has its KN's thread from the beginning, or it might start within the cycles.
 */
const STAYING = { help: false } as const;

/** All kinds of cycles. */
export const CYCLE_KINDS: readonly CycleKind[] = [
  { name: "open, put, close", run: (cycles) => cycles.measure(() => openAndClose({})) },
  {
    name: "open, put, close with a path",
    run: (cycles) => {
      const path = temporaryPath();
      return cycles.measure(() => openAndClose({ path }));
    },
  },
  {
    name: "attach, put, close in the same thread",
    run: (cycles) =>
      withStore(STAYING, (store) =>
        cycles.measure(async () => {
          const attached = await attach<number>(store.share());
          await attached.put(KEY, 1);
          await attached.close();
        })),
  },
  {
    name: "attach, put, close in a thread that ends, with a path",
    run: (cycles) =>
      withStore(
        { ...STAYING, path: temporaryPath() },
        (store) => cycles.measure(() => attachInThread(store, true)),
      ),
  },
  {
    name: "attach, put in a thread that ends",
    run: (cycles) =>
      withStore(STAYING, (store) => cycles.measure(() => attachInThread(store, false))),
  },
];

async function openAndClose(options: OpenOptions<number>): Promise<void> {
  await withStore(options, async (store) => {
    for (let i = 0; i < 100; i++) await store.put(`key ${i}`, i);
  });
}

async function attachInThread(store: Store<number>, closes: boolean): Promise<void> {
  const value = store.getSync(KEY)!;
  const data: AttacherData = { handle: store.share(), key: KEY, closes };
  const worker = new Worker(ATTACHER, { workerData: data });
  // An error is what ends the wait, but for one of a thread that has ended: that is thrown in this
  // one.
  worker.on("error", (error) => {
    throw error;
  });
  const [exitCode] = await once(worker, "exit");
  if (exitCode !== 0) throw new Error(`the thread has ended with exit code ${exitCode}`);
  if (store.getSync(KEY) !== value + 1) throw new Error("the thread's put is missing");
}

async function withStore<Result>(
  options: OpenOptions<number>,
  body: (store: Store<number>) => Promise<Result>,
): Promise<Result> {
  const store = await open<number>({ ...SIZES, ...options });
  try {
    await store.put(KEY, 0);
    return await body(store);
  } finally {
    await store.close();
  }
}

/** The usage when it is back to a baseline, or does not get there. */
async function settledUsage(baseline: Usage): Promise<Usage> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    await setTimeout(SETTLE_STEP_MS);
    const now = usage();
    if (
      growthOf(baseline, now).every((what) => what === "memory") || performance.now() > deadlineMs
    ) return now;
  }
}

/** What has grown beyond a baseline; empty if nothing has. */
export function growthOf(before: Usage, after: Usage): string[] {
  const grown: string[] = [];
  const threads = (after.threadCount ?? 0) - (before.threadCount ?? 0);
  const descriptors = (after.descriptorCount ?? 0) - (before.descriptorCount ?? 0);
  if (threads > THREAD_SLACK) grown.push("threads");
  if (descriptors > DESCRIPTOR_SLACK) grown.push("descriptors");
  if (after.rssBytes > before.rssBytes + RSS_GROWTH_BYTES_MAX) grown.push("memory");
  return grown;
}

function usage(): Usage {
  collectGarbage();
  return {
    threadCount: entryCount("/proc/self/task"),
    descriptorCount: entryCount("/proc/self/fd"),
    rssBytes: process.memoryUsage().rss,
  };
}

function entryCount(directory: string): number | undefined {
  try {
    return readdirSync(directory).length;
  } catch {
    return undefined;
  }
}

let collect: (() => void) | undefined;

/** Buffers count until they are collected. */
export function collectGarbage(): void {
  collect ??= garbageCollector();
  collect();
}

function garbageCollector(): () => void {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
