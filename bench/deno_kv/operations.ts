/**
 * What is measured of a database with the interface of `Deno.Kv`, the one here or Deno's own: as an
 * application uses it, one operation after the other, and many at once.
 *
 * @module
 */
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";

/** As much of the interface as is measured. */
export interface MeasuredKv {
  get(key: readonly string[]): Promise<{ value: unknown; versionstamp: string | null }>;
  set(key: readonly string[], value: unknown): Promise<unknown>;
  list(selector: { prefix: readonly string[] }): AsyncIterable<unknown>;
  atomic(): MeasuredAtomic;
}

interface MeasuredAtomic {
  check(check: { key: readonly string[]; versionstamp: string | null }): MeasuredAtomic;
  set(key: readonly string[], value: unknown): MeasuredAtomic;
  commit(): Promise<{ ok: boolean }>;
}

/** Microseconds of an operation, medians of the rounds. */
export interface KvFigures {
  readonly way: string;
  readonly awaited: number;
  /** Of each of {@linkcode AT_ONCE}, which are awaited together. */
  readonly atOnce: number;
}

/** Operations that are begun before the first of them is awaited. */
export const AT_ONCE = 64;

const KEYS = 1000;
const LISTED = 100;
/** Operations between two looks at the clock. */
const PER_LOOK = 16;

interface Plan {
  readonly rounds: number;
  readonly roundMs: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { rounds: 1, roundMs: 3 },
  quick: { rounds: 5, roundMs: 100 },
  full: { rounds: 9, roundMs: 400 },
};

type Operation = (i: number) => Promise<unknown>;

/** Measures all operations, in rounds that take turns. */
export async function measureKv(kv: MeasuredKv, size: Size): Promise<KvFigures[]> {
  const { rounds, roundMs } = PLANS[size];
  const operations = await prepare(kv);
  const ways = operations.map(([way]) => ({
    way,
    awaited: [] as number[],
    atOnce: [] as number[],
  }));
  // The first round is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const [number, [, operation]] of operations.entries()) {
      const awaited = await measureAwaited(operation, roundMs);
      const atOnce = await measureAtOnce(operation, roundMs);
      if (round === 0) continue;
      ways[number]!.awaited.push(awaited);
      ways[number]!.atOnce.push(atOnce);
    }
  }
  return ways.map(({ way, awaited, atOnce }) => {
    return { way, awaited: median(awaited), atOnce: median(atOnce) };
  });
}

async function prepare(kv: MeasuredKv): Promise<[way: string, operation: Operation][]> {
  const key = (i: number) => ["users", `user-${i % KEYS}`];
  const other = (i: number) => ["names", `user-${i % KEYS}`];
  const value = (i: number) => ({ name: "Ada Lovelace", mail: "ada@example.org", visits: i });
  for (let i = 0; i < KEYS; i++) await kv.set(key(i), value(i));
  for (let i = 0; i < LISTED; i++) await kv.set(["listed", `user-${i}`], value(i));
  return [
    ["get", (i) => kv.get(key(i))],
    ["set", (i) => kv.set(key(i), value(i))],
    [`list of ${LISTED}`, async () => {
      let count = 0;
      for await (const _ of kv.list({ prefix: ["listed"] })) count += 1;
      if (count !== LISTED) throw new Error(`a list had ${count} entries`);
    }],
    ["atomic of 2 sets", async (i) => {
      const { ok } = await kv.atomic().set(key(i), value(i)).set(other(i), i).commit();
      if (!ok) throw new Error("an operation without a check was refused");
    }],
    ["get, and atomic of check and 2 sets", async (i) => {
      const { versionstamp } = await kv.get(key(i));
      const { ok } = await kv.atomic().check({ key: key(i), versionstamp })
        .set(key(i), value(i)).set(other(i), i).commit();
      if (!ok) throw new Error("a check was refused although nothing has changed the key");
    }],
  ];
}

async function measureAwaited(operation: Operation, roundMs: number): Promise<number> {
  const startMs = performance.now();
  let ms = 0;
  let count = 0;
  for (; ms < roundMs; ms = performance.now() - startMs) {
    for (let i = 0; i < PER_LOOK; i++) await operation(count++);
  }
  return ms * 1000 / count;
}

async function measureAtOnce(operation: Operation, roundMs: number): Promise<number> {
  const startMs = performance.now();
  let ms = 0;
  let count = 0;
  const begun = new Array<Promise<unknown>>(AT_ONCE);
  for (; ms < roundMs; ms = performance.now() - startMs) {
    for (let i = 0; i < AT_ONCE; i++) begun[i] = operation(count++);
    await Promise.all(begun);
  }
  return ms * 1000 / count;
}
