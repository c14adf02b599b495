/**
 * What an atomic commit of two keys costs, beside two puts, beside transactions of LMDB, and beside
 * those of Deno KV in memory where there is one; and what reads of a key cost while another thread
 * commits it.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { open, type Store } from "../../mod.ts";
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
/** Turns of reads beside commits, and of those without. */
const READ_TURNS = 9;

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
  /** All ways take turns in short rounds: what else the machine does meets all of them alike. */
  readonly rounds: number;
  /** The first ones let the code be compiled. */
  readonly warmUpRounds: number;
  readonly operations: number;
  readonly reads: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { rounds: 1, warmUpRounds: 1, operations: 50, reads: 500 },
  quick: { rounds: 40, warmUpRounds: 20, operations: 500, reads: 200_000 },
  full: { rounds: 200, warmUpRounds: 40, operations: 1000, reads: 1_000_000 },
};

/** Closes what was opened. */
type Closer = () => unknown;

/** Changes two keys. */
type Change = (i: number) => Promise<unknown>;

/** A way of changing two keys, and what it has taken in each round. */
interface MeasuredWay {
  readonly way: string;
  readonly change: Change;
  readonly awaited: number[];
  readonly atOnce: number[];
}

/** Measures all of it. */
export async function measureCommits(size: Size): Promise<CommitResults> {
  const plan = PLANS[size];
  const root = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const closers: Closer[] = [];
  try {
    const ways = await openWays(root, closers);
    for (let round = 0; round < plan.warmUpRounds + plan.rounds; round++) {
      for (const way of ways) await measureOnce(way, plan, round >= plan.warmUpRounds);
    }
    const commits = ways.map(({ way, awaited, atOnce }) => {
      return { way, microseconds: median(awaited), atOnceMicroseconds: median(atOnce) };
    });
    return { environment: describeEnvironment(), commits, reads: await measureReads(plan) };
  } finally {
    for (const close of closers.reverse()) await close();
    rmSync(root, { recursive: true, force: true });
  }
}

async function openWays(root: string, closers: Closer[]): Promise<MeasuredWay[]> {
  const ways: MeasuredWay[] = [];
  for (const durability of ["memory", "os"] as const) {
    const logged = durability === "os" ? { path: join(root, "pool"), durability } : {};
    const store = await open<number>({ capacity: "256MiB", ...logged });
    closers.push(() => store.close());
    ways.push(...waysOfDinomo(store, durability));
  }
  ways.push(await wayOfLmdb(join(root, "lmdb"), closers));
  const kv = await wayOfDenoKv(closers);
  return kv === undefined ? ways : [...ways, kv];
}

function waysOfDinomo(store: Store<number>, name: string): MeasuredWay[] {
  return [
    wayOf(
      `Dinomo, ${name}: commit of 2 puts`,
      (i) => store.atomic().put(`a${i % KEY_PAIRS}`, i).put(`b${i % KEY_PAIRS}`, i).commit(),
    ),
    wayOf(`Dinomo, ${name}: 2 puts, each awaited`, async (i) => {
      await store.put(`a${i % KEY_PAIRS}`, i);
      await store.put(`b${i % KEY_PAIRS}`, i);
    }),
  ];
}

function wayOf(way: string, change: Change): MeasuredWay {
  return { way, change, awaited: [], atOnce: [] };
}

async function wayOfLmdb(path: string, closers: Closer[]): Promise<MeasuredWay> {
  const lmdb = await import("lmdb");
  const database = lmdb.open<number, string>({ path, noSync: true });
  closers.push(() => database.close());
  return wayOf("LMDB noSync: transaction of 2 puts", (i) =>
    database.transaction(() => {
      database.put(`a${i % KEY_PAIRS}`, i);
      database.put(`b${i % KEY_PAIRS}`, i);
    }));
}

/** As much of Deno KV as is measured. */
interface DenoKv {
  atomic(): {
    set(key: readonly string[], value: unknown): ReturnType<DenoKv["atomic"]>;
    commit(): Promise<unknown>;
  };
  close(): void;
}

async function wayOfDenoKv(closers: Closer[]): Promise<MeasuredWay | undefined> {
  const { Deno } = globalThis as { Deno?: { openKv?: (path: string) => Promise<DenoKv> } };
  const kv = await Deno?.openKv?.(":memory:");
  if (kv === undefined) return undefined;
  closers.push(() => kv.close());
  return wayOf(
    "Deno KV in memory: atomic of 2 sets",
    (i) => kv.atomic().set([`a${i % KEY_PAIRS}`], i).set([`b${i % KEY_PAIRS}`], i).commit(),
  );
}

/** One round: one after the other, then many at once. */
async function measureOnce(
  { change, awaited, atOnce }: MeasuredWay,
  { operations }: Plan,
  counts: boolean,
): Promise<void> {
  const startMs = performance.now();
  for (let i = 0; i < operations; i++) await change(i);
  const betweenMs = performance.now();
  for (let i = 0; i < operations; i += AT_ONCE) {
    const count = Math.min(AT_ONCE, operations - i);
    await Promise.all(Array.from({ length: count }, (_, j) => change(i + j)));
  }
  if (!counts) return;
  awaited.push((betweenMs - startMs) * 1000 / operations);
  atOnce.push((performance.now() - betweenMs) * 1000 / operations);
}

/**
 * Reads of one key, alone, and while another thread commits it with another key, in turns; medians
 * of these, as what else the machine does shows in the tail of any of them.
 */
async function measureReads({ reads }: Plan): Promise<CommitResults["reads"]> {
  await using store = await open<number>({ capacity: "256MiB" });
  const keys = ["one", "other"] as const;
  await store.putMany(keys.map((key) => [key, 0]));
  const words = new Int32Array(new SharedArrayBuffer(8));
  const workerData: CommittingThreadData = { handle: store.share(), keys, words };
  const worker = new Worker(THREAD, { workerData });
  const exit = once(worker, "exit");
  await once(worker, "message");
  const recorder = new LatencyRecorder();
  const read = () => {
    recorder.reset();
    for (let i = 0; i < reads / READ_TURNS; i++) {
      const startMs = performance.now();
      store.getSync("one");
      recorder.record(performance.now() - startMs);
    }
    return recorder.figures();
  };
  read();
  const undisturbed: LatencyFigures[] = [];
  const disturbed: LatencyFigures[] = [];
  for (let turn = 0; turn < READ_TURNS; turn++) {
    undisturbed.push(read());
    const before = Atomics.load(words, 1);
    tell(words, 1);
    while (Atomics.load(words, 1) === before) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    disturbed.push(read());
    tell(words, 0);
  }
  tell(words, 2);
  await exit;
  return { undisturbed: mediansOf(undisturbed), disturbed: mediansOf(disturbed) };
}

/** Says what the committing thread is to do. */
function tell(words: Int32Array, what: number): void {
  Atomics.store(words, 0, what);
  Atomics.notify(words, 0);
}

function mediansOf(figures: readonly LatencyFigures[]): LatencyFigures {
  return {
    p50Us: median(figures.map(({ p50Us }) => p50Us)),
    p99Us: median(figures.map(({ p99Us }) => p99Us)),
  };
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
