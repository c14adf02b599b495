/**
 * Measures a store of a cluster beside the key-value store of JetStream, and Valkey, in interleaved
 * repetitions, and how long operations wait when nodes come and go.
 *
 * @module
 */
import { NatsServers } from "../../test/support/cluster/nats_servers.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { createRandom } from "../workloads/random.ts";
import { createScrambledZipfian } from "../workloads/zipfian.ts";
import { type ChangeFigures, measureChanges } from "./changes.ts";
import type { Contestant } from "./contestant.ts";
import { LEASE_MS, NAMES, startField } from "./contestants.ts";

/** Operations in flight where many are, and the share of them that read. */
const AT_ONCE = 64;
const READ_SHARE = 0.95;
const VALUE = "v".repeat(100);
const SEED = 2022;

/** A way to use a contestant, and what came of it. */
export interface ClusterFigures {
  readonly way: string;
  readonly unit: "µs" | "op/s";
  /** By the name of the contestant. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface ClusterResults {
  readonly environment: Environment;
  readonly figures: readonly ClusterFigures[];
  readonly changes: ChangeFigures;
}

interface Plan {
  readonly keyCount: number;
  readonly repetitionCount: number;
  readonly repetitionMs: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { keyCount: 100, repetitionCount: 1, repetitionMs: 20 },
  quick: { keyCount: 5000, repetitionCount: 5, repetitionMs: 300 },
  full: { keyCount: 50_000, repetitionCount: 9, repetitionMs: 1000 },
};

interface Way extends Pick<ClusterFigures, "way" | "unit"> {
  run(contestant: Contestant, draw: () => string, ms: number): Promise<number>;
}

const WAYS: readonly Way[] = [
  {
    way: "get, awaited, p50",
    unit: "µs",
    run: (one, draw, ms) => oneByOne(() => one.get(draw()), ms),
  },
  {
    way: "put, awaited, p50",
    unit: "µs",
    run: (one, draw, ms) => oneByOne(() => one.put(draw(), VALUE), ms),
  },
  { way: `${AT_ONCE} in flight, 95 % get, 5 % put`, unit: "op/s", run: atOnce },
];

/** Measures everything. */
export async function measureCluster(size: Size): Promise<ClusterResults> {
  const { keyCount, repetitionCount, repetitionMs } = PLANS[size];
  const servers = await NatsServers.start(3);
  try {
    const contestants = await startField(servers.urls);
    for (const contestant of contestants) await fill(contestant, keyCount);
    const zipfian = createScrambledZipfian(createRandom(SEED), keyCount);
    const draw = () => keyOf(zipfian());
    const lists = WAYS.map(() => new Map<string, number[]>());
    // The first repetition is that in which the runtime compiles.
    for (let i = 0; i <= repetitionCount; i++) {
      for (const [w, way] of WAYS.entries()) {
        for (const contestant of contestants) {
          const figure = await way.run(contestant, draw, repetitionMs);
          const { name } = contestant;
          if (i > 0) lists[w]!.set(name, [...lists[w]!.get(name) ?? [], figure]);
        }
      }
    }
    for (const contestant of contestants) await contestant.close();
    const changes = await measureChanges(servers.urls, repetitionCount * repetitionMs);
    const figures = WAYS.map(({ way, unit }, w) => {
      const entries = [...lists[w]!].map(([name, list]) => [name, median(list)]);
      return { way, unit, figures: Object.fromEntries(entries) };
    });
    return { environment: describeEnvironment(), figures, changes };
  } finally {
    await servers.stop();
  }
}

/**
 * Shows the results as a table, each beside how many times as much or as long as JetStream's own
 * store it takes.
 */
export function formatCluster({ environment, figures, changes }: ClusterResults): string {
  const [own, , plain] = NAMES;
  const names = Object.keys(figures[0]!.figures);
  const others = names.filter((name) => name !== plain);
  const rows = figures.map(({ way, unit, figures }) => {
    const beside = others.flatMap((name) => [
      threeDigits(figures[name]!),
      `${threeDigits(figures[name]! / figures[plain]!)} x`,
    ]);
    return [`${way}, ${unit}`, ...beside, threeDigits(figures[plain]!)];
  });
  const { killedMs, joinedMs, closedMs, calmMs, failed, changeRoundTrips } = changes;
  const { runtime, runtimeVersion } = environment;
  const single = names.filter((name) => !(NAMES as readonly string[]).includes(name));
  const atOnce = figures.at(-1)!;
  const times = single.map((name) =>
    `${threeDigits(atOnce.figures[own]! / atOnce.figures[name]!)} x of ${name}`
  );
  return [
    `a cluster of three servers on ${runtime} ${runtimeVersion}, 100 B, Zipf 0.99`,
    alignColumns([["", ...others.flatMap((name) => [name, ""]), plain], ...rows]),
    single.length === 0
      ? "neither valkey-server nor redis-server is on the PATH"
      : `${atOnce.way}: own keys ${times.join(", ")}`,
    `of 64 keys that are changed all the time, the longest wait of one: ${
      threeDigits(killedMs)
    } ms when an owner is killed (lease ${LEASE_MS} ms), ${
      threeDigits(joinedMs)
    } ms when a node joins, ${threeDigits(closedMs)} ms when one closes, ${
      threeDigits(calmMs)
    } ms without any of it; ${failed} failed`,
    changeRoundTrips === undefined
      ? "no change was written by this process's node"
      : `${threeDigits(changeRoundTrips)} round trips to the servers for each change`,
  ].join("\n\n");
}

async function fill({ put }: Contestant, keyCount: number): Promise<void> {
  for (let at = 0; at < keyCount; at += 500) {
    const end = Math.min(keyCount, at + 500);
    const keys = Array.from({ length: end - at }, (_, i) => keyOf(at + i));
    await Promise.all(keys.map((key) => put(key, VALUE)));
  }
}

function keyOf(index: number): string {
  return `user${index}`;
}

/** The median of single operations, which other processes of the machine disturb least. */
async function oneByOne(run: () => Promise<unknown>, ms: number): Promise<number> {
  const micros: number[] = [];
  let nowMs = performance.now();
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    const beginMs = nowMs;
    await run();
    nowMs = performance.now();
    micros.push((nowMs - beginMs) * 1000);
  }
  return median(micros);
}

async function atOnce(one: Contestant, draw: () => string, ms: number): Promise<number> {
  const random = createRandom(SEED);
  const beginMs = performance.now();
  let count = 0;
  const client = async () => {
    while (performance.now() - beginMs < ms) {
      await (random() < READ_SHARE ? one.get(draw()) : one.put(draw(), VALUE));
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return count / (performance.now() - beginMs) * 1000;
}
