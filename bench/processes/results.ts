/**
 * Measures how fast a process reads and changes what another one has, in interleaved repetitions.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { type Contestant, startField } from "./contestants.ts";
import { keyOf, SIZES, valueOf } from "./keys.ts";

/** Operations in flight where many are. */
const AT_ONCE = 128;
/** Microseconds for an operation, of each contestant that has it. */
export interface ProcessFigures {
  readonly way: string;
  readonly micros: Readonly<Record<string, number>>;
}

export interface ProcessResults {
  readonly environment: Environment;
  readonly figures: readonly ProcessFigures[];
  readonly omissions: readonly string[];
}

interface Plan {
  readonly repetitionCount: number;
  readonly repetitionMs: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { repetitionCount: 1, repetitionMs: 2 },
  quick: { repetitionCount: 9, repetitionMs: 40 },
  full: { repetitionCount: 25, repetitionMs: 80 },
};

/** A way to use a contestant; undefined where it has none. */
interface Way {
  readonly name: string;
  run(contestant: Contestant, ms: number): Promise<number> | undefined;
}

const WAYS: readonly Way[] = SIZES.flatMap((size): Way[] => {
  const value = valueOf(size);
  const get = ({ get }: Contestant) => (i: number) => get(keyOf(size, i));
  const put = ({ put }: Contestant) => (i: number) => put(keyOf(size, i), value);
  return [
    { name: `get ${size} B, awaited`, run: (one, ms) => oneByOne(get(one), ms) },
    {
      name: `getSync ${size} B`,
      run: ({ getSync }, ms) => getSync && blocking((i) => getSync(keyOf(size, i)), ms),
    },
    { name: `put ${size} B, awaited`, run: (one, ms) => oneByOne(put(one), ms) },
    { name: `get ${size} B, ${AT_ONCE} at once`, run: (one, ms) => atOnce(get(one), ms) },
    { name: `put ${size} B, ${AT_ONCE} at once`, run: (one, ms) => atOnce(put(one), ms) },
  ];
});

/** Measures all ways of all contestants. */
export async function measureProcesses(size: Size): Promise<ProcessResults> {
  const { repetitionCount, repetitionMs } = PLANS[size];
  const folder = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const { contestants, omissions, close } = await startField(folder);
  const lists = WAYS.map(() => new Map<string, number[]>());
  // The first repetition is that in which the runtime compiles.
  for (let i = 0; i <= repetitionCount; i++) {
    for (const [w, way] of WAYS.entries()) {
      for (const contestant of contestants) {
        const micros = await way.run(contestant, repetitionMs);
        if (micros === undefined || i === 0) continue;
        const { name } = contestant;
        lists[w]!.set(name, [...lists[w]!.get(name) ?? [], micros]);
      }
    }
  }
  await close();
  rmSync(folder, { recursive: true, force: true });
  const figures = WAYS.map(({ name }, w) => {
    const entries = [...lists[w]!].map(([peer, list]) => [peer, median(list)]);
    return { way: name, micros: Object.fromEntries(entries) };
  });
  return { environment: describeEnvironment(), figures, omissions };
}

/** Shows the results as a table: microseconds, and how many times as long others take. */
export function formatProcesses({ environment, figures, omissions }: ProcessResults): string {
  const peers = Object.keys(figures[0]!.micros);
  const rows = figures.map(({ way, micros }) => {
    const own = micros["Dinomo"]!;
    return [
      way,
      threeDigits(own),
      ...peers.slice(1).flatMap((peer) => compared(own, micros[peer])),
    ];
  });
  const head = ["µs", "Dinomo", ...peers.slice(1).flatMap((peer) => [peer, ""])];
  const { runtime, runtimeVersion } = environment;
  return [
    `a store of another process on ${runtime} ${runtimeVersion}`,
    alignColumns([head, ...rows]),
    ...omissions,
  ].join("\n\n");
}

function compared(own: number, other: number | undefined): string[] {
  if (other === undefined) return ["-", "-"];
  return [threeDigits(other), `${threeDigits(other / own)} x`];
}

/** The median of single operations, which other processes of the machine disturb least. */
async function oneByOne(run: (i: number) => Promise<unknown>, ms: number): Promise<number> {
  const micros: number[] = [];
  let nowMs = performance.now();
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    const beginMs = nowMs;
    await run(micros.length);
    nowMs = performance.now();
    micros.push((nowMs - beginMs) * 1000);
  }
  return median(micros);
}

function blocking(run: (i: number) => unknown, ms: number): Promise<number> {
  const micros: number[] = [];
  let nowMs = performance.now();
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    const beginMs = nowMs;
    run(micros.length);
    nowMs = performance.now();
    micros.push((nowMs - beginMs) * 1000);
  }
  return Promise.resolve(median(micros));
}

async function atOnce(run: (i: number) => Promise<unknown>, ms: number): Promise<number> {
  const beginMs = performance.now();
  let count = 0;
  const work = async () => {
    while (performance.now() - beginMs < ms) await run(count++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return (performance.now() - beginMs) * 1000 / count;
}
