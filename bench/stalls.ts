/**
 * Prints the longest gaps between turns of the event loop while a store works on many keys.
 *
 * ```sh
 * npm run bench:stalls -- --keys 1000000
 * bun bench/stalls.ts --placement far
 * ```
 *
 * A timer of a millisecond and a file that is read again and again note when they get their turn:
 * a gap is the time between two turns of either. On a machine that others use, a thread also waits
 * for a processor; on Linux it is told how long the thread itself has run in the longest gap.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { open, type OpenOptions, type Store } from "../mod.ts";
import { alignColumns } from "./report/format.ts";

/**
 * What the operating system says of the thread that reads it: first, the nanoseconds it has run.
 */
const SCHEDULED = "/proc/thread-self/schedstat";

/**
 * How long this thread has run, in milliseconds, as of the scheduler's last tick: to some 4 ms;
 * undefined where that is not known.
 */
function ranMs(): number | undefined {
  try {
    return Number(readFileSync(SCHEDULED, "latin1").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}

/** The longest gap in a row of turns. */
class Gaps {
  longestMs = 0;
  /** The longest of the times that the thread has run between two turns. */
  longestRunMs: number | undefined;
  #lastMs = 0;
  #lastRanMs: number | undefined;

  begin(): void {
    this.longestMs = 0;
    this.#lastMs = performance.now();
    this.#lastRanMs = ranMs();
    this.longestRunMs = this.#lastRanMs && 0;
  }

  note(): void {
    const nowMs = performance.now();
    const nowRanMs = ranMs();
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs);
    if (nowRanMs !== undefined) {
      this.longestRunMs = Math.max(this.longestRunMs ?? 0, nowRanMs - (this.#lastRanMs ?? 0));
    }
    this.#lastMs = nowMs;
    this.#lastRanMs = nowRanMs;
  }
}

/** What is watched while something runs: turns of timers, and of input and output. */
class LoopWatch {
  readonly timers = new Gaps();
  readonly io = new Gaps();
  #isWatching = false;

  /** Runs something; resolves to how long it took. */
  async during(run: () => unknown): Promise<number> {
    this.#isWatching = true;
    this.timers.begin();
    this.io.begin();
    this.#tick();
    const reading = this.#read();
    const startMs = performance.now();
    await run();
    const tookMs = performance.now() - startMs;
    // What has been kept waiting by the last turn is part of it.
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#isWatching = false;
    await reading;
    return tookMs;
  }

  #tick(): void {
    if (!this.#isWatching) return;
    this.timers.note();
    setTimeout(() => this.#tick(), 1);
  }

  async #read(): Promise<void> {
    while (this.#isWatching) {
      await readFile(import.meta.filename);
      this.io.note();
    }
  }
}

type Value = { id: number; name: string };

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

/** What the machine, and collecting garbage, do by themselves. */
async function burn(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) {
    const turnEndMs = performance.now() + 4;
    while (performance.now() < turnEndMs);
    await nextTurn();
  }
}

function operations(count: number): readonly [string, (store: Store<Value>) => unknown][] {
  const entries = Array.from(
    { length: count },
    (_, id) => [`user:${id}`, { id, name: `name of user ${id}` }] as [string, Value],
  );
  const keys = entries.map(([key]) => key);
  const half = keys.filter((_, i) => i % 2 === 0);
  return [
    ["no store: turns of 4 ms", () => burn(Math.min(1000, count / 10))],
    ["no store: an array is copied", () => void keys.slice().fill("")],
    ["putMany", (store) => store.putMany(entries)],
    ["putMany, a generator", (store) => store.putMany(entries.values())],
    ["getMany", (store) => store.getMany(keys)],
    ["awaited get", async (store) => {
      for (const key of keys) await store.get(key);
    }],
    ["awaited put", async (store) => {
      for (const [key, value] of entries) await store.put(key, value);
    }],
    ["entries", (store) => drain(store.entries())],
    ["keys", (store) => drain(store.keys())],
    ["values", (store) => drain(store.values())],
    ["keys of a prefix that none has", (store) => drain(store.keys({ prefix: "none" }))],
    ["deleteMany of half", (store) => store.deleteMany(half)],
    ["clear", (store) => store.clear()],
  ];
}

/** Has the KN's thread started, and what is measured compiled. */
async function warmUp(store: Store<Value>): Promise<void> {
  for (let round = 0; round < 5; round++) {
    for (const [, run] of operations(2000)) await run(store);
  }
}

/** Longest gaps, in milliseconds, of one operation. */
export interface Stall {
  readonly name: string;
  readonly tookMs: number;
  readonly timersMs: number;
  readonly ioMs: number;
  readonly runMs: number | undefined;
}

/** Those of each operation on so many keys. */
export async function measureStalls(
  count: number,
  options: OpenOptions<Value>,
): Promise<Stall[]> {
  await using store = await open<Value>(options);
  await warmUp(store);
  const watch = new LoopWatch();
  const rows: Stall[] = [];
  for (const [name, run] of operations(count)) {
    const tookMs = await watch.during(() => run(store));
    const { timers, io } = watch;
    rows.push({
      name,
      tookMs,
      timersMs: timers.longestMs,
      ioMs: io.longestMs,
      runMs: timers.longestRunMs,
    });
  }
  return rows;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      keys: { type: "string", default: "1000000" },
      capacity: { type: "string", default: "1GiB" },
      placement: { type: "string", default: "near" },
    },
  });
  const { capacity, placement } = values;
  const options = { capacity, placement } as OpenOptions<Value>;
  const rows = await measureStalls(Number(values.keys), options);
  console.log(alignColumns([
    [`${values.keys} keys`, "took ms", "longest gap: timers", "input", "the thread ran"],
    ...rows.map(({ name, tookMs, timersMs, ioMs, runMs }) => [
      name,
      tookMs.toFixed(0),
      `${timersMs.toFixed(1)} ms`,
      `${ioMs.toFixed(1)} ms`,
      runMs === undefined ? "" : `${runMs.toFixed(1)} ms`,
    ]),
  ]));
}
