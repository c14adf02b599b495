/**
 * What an atomic commit of two keys costs, beside two puts, beside transactions of LMDB, and beside those of Deno KV in memory
 * where there is one; and what reads of a key cost while another thread commits it.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { open, type OpenOptions } from "../../mod.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { type LatencyFigures, LatencyRecorder } from "../measure/latency_recorder.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import type { CommittingThreadData } from "./committing_thread.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const THREAD = new URL(`./committing_thread.${EXTENSION}`, import.meta.url);
const KEY_PAIRS = 1000;
/** Operations that are begun before the first of them is awaited. */
const AT_ONCE = 64;

/** What one way of changing two keys takes. */
export interface CommitFigures {
  readonly way: string;
  /** Median of the rounds, of an operation that is awaited. */
  readonly microseconds: number;
  /** The same of each of {@linkcode AT_ONCE} that are awaited together. */
  readonly atOnceMicroseconds: number;
}

export interface CommitResults {
  readonly environment: Environment;
  readonly commits: readonly CommitFigures[];
  readonly reads: { readonly undisturbed: LatencyFigures; readonly disturbed: LatencyFigures };
}

interface Plan {
  readonly rounds: number;
  readonly operations: number;
  readonly reads: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { rounds: 1, operations: 50, reads: 500 },
  quick: { rounds: 5, operations: 10_000, reads: 200_000 },
  full: { rounds: 15, operations: 20_000, reads: 1_000_000 },
};

/** Changes two keys. */
type Change = (i: number) => Promise<unknown>;

/** Measures all of it. */
export async function measureCommits(size: Size): Promise<CommitResults> {
  const plan = PLANS[size];
  const root = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const commits: CommitFigures[] = [];
  try {
    for (const durability of ["memory", "os"] as const) {
      const logged = durability === "os" ? { path: join(root, "pool"), durability } : {};
      commits.push(...await measureDinomo({ capacity: "256MiB", ...logged }, durability, plan));
    }
    commits.push(await measureLmdb(join(root, "lmdb"), plan));
    const kv = await measureDenoKv(plan);
    if (kv !== undefined) commits.push(kv);
    return { environment: describeEnvironment(), commits, reads: await measureReads(plan) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function measureDinomo(
  options: OpenOptions<number>,
  name: string,
  plan: Plan,
): Promise<CommitFigures[]> {
  await using store = await open<number>(options);
  const commit: Change = (i) =>
    store.atomic().put(`a${i % KEY_PAIRS}`, i).put(`b${i % KEY_PAIRS}`, i).commit();
  const puts: Change = async (i) => {
    await store.put(`a${i % KEY_PAIRS}`, i);
    await store.put(`b${i % KEY_PAIRS}`, i);
  };
  return [
    await measure(`Dinomo, ${name}: commit of 2 puts`, commit, plan),
    await measure(`Dinomo, ${name}: 2 puts, each awaited`, puts, plan),
  ];
}

async function measureLmdb(path: string, plan: Plan): Promise<CommitFigures> {
  const lmdb = await import("lmdb");
  const database = lmdb.open<number, string>({ path, noSync: true });
  try {
    const commit: Change = (i) =>
      database.transaction(() => {
        database.put(`a${i % KEY_PAIRS}`, i);
        database.put(`b${i % KEY_PAIRS}`, i);
      });
    return await measure("LMDB noSync: transaction of 2 puts", commit, plan);
  } finally {
    await database.close();
  }
}

/** As much of Deno KV as is measured. */
interface DenoKv {
  atomic(): {
    set(key: readonly string[], value: unknown): ReturnType<DenoKv["atomic"]>;
    commit(): Promise<unknown>;
  };
  close(): void;
}

async function measureDenoKv(plan: Plan): Promise<CommitFigures | undefined> {
  const { Deno } = globalThis as { Deno?: { openKv?: (path: string) => Promise<DenoKv> } };
  const kv = await Deno?.openKv?.(":memory:");
  if (kv === undefined) return undefined;
  try {
    const commit: Change = (i) =>
      kv.atomic().set([`a${i % KEY_PAIRS}`], i).set([`b${i % KEY_PAIRS}`], i).commit();
    return await measure("Deno KV in memory: atomic of 2 sets", commit, plan);
  } finally {
    kv.close();
  }
}

async function measure(
  way: string,
  change: Change,
  { rounds, operations }: Plan,
): Promise<CommitFigures> {
  const each = async () => {
    for (let i = 0; i < operations; i++) await change(i);
  };
  const together = async () => {
    for (let i = 0; i < operations; i += AT_ONCE) {
      const begun = Array.from(
        { length: Math.min(AT_ONCE, operations - i) },
        (_, j) => change(i + j),
      );
      await Promise.all(begun);
    }
  };
  // One after the other: a KN's thread that has work does not go to sleep at once.
  const microseconds = await medianOf(each, rounds) / operations;
  return { way, microseconds, atOnceMicroseconds: await medianOf(together, rounds) / operations };
}

/** Microseconds that something takes, in the middle of some rounds; the first round is not counted. */
async function medianOf(run: () => Promise<void>, rounds: number): Promise<number> {
  const figures: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now();
    await run();
    if (round > 0) figures.push((performance.now() - startMs) * 1000);
  }
  return median(figures);
}

/** Reads of one key, alone, and while another thread commits it with another key. */
async function measureReads({ reads }: Plan): Promise<CommitResults["reads"]> {
  await using store = await open<number>({ capacity: "256MiB" });
  const keys = ["one", "other"] as const;
  await store.putMany(keys.map((key) => [key, 0]));
  const read = () => {
    const recorder = new LatencyRecorder();
    for (let i = 0; i < reads; i++) {
      const startMs = performance.now();
      store.getSync("one");
      recorder.record(performance.now() - startMs);
    }
    return recorder.figures();
  };
  read();
  const undisturbed = read();
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const workerData: CommittingThreadData = { handle: store.share(), keys, stop };
  const worker = new Worker(THREAD, { workerData });
  await once(worker, "message");
  const disturbed = read();
  Atomics.store(stop, 0, 1);
  await once(worker, "exit");
  return { undisturbed, disturbed };
}

/** Shows the results as tables. */
export function formatCommits({ environment, commits, reads }: CommitResults): string {
  const rows = commits.map(({ way, microseconds, atOnceMicroseconds }) => {
    return [way, threeDigits(microseconds), threeDigits(atOnceMicroseconds)];
  });
  const readRows = Object.entries(reads).map((
    [name, { p50Us, p99Us }],
  ) => [`read of a key, ${name}`, threeDigits(p50Us), threeDigits(p99Us)]);
  return [
    `Commits of two keys on ${environment.runtime} ${environment.runtimeVersion}`,
    alignColumns([["", "µs, awaited", `each of ${AT_ONCE} at once`], ...rows]),
    alignColumns([["", "p50 µs", "p99 µs"], ...readRows]),
  ].join("\n\n");
}
