/**
 * What the gate measures: the operations of the near path, each in a loop of its own on one store,
 * and the life of a store.
 *
 * @module
 */
import type { open } from "../../mod.ts";

/** The operations that are judged, in the order in which they are measured and reported. */
export const OPERATIONS = ["put", "putSync", "putMany", "get", "getSync"] as const;
/** What is reported beside them: `life` is opening a store, one put, and closing it. */
export const BESIDE = ["increment", "life"] as const;
/** All that is measured. */
export const MEASURED = [...OPERATIONS, ...BESIDE] as const;

/** One of them. */
export type Operation = (typeof MEASURED)[number];

/** Nanoseconds for one key, or one life, by operation. */
export type RoundResult = Record<Operation, number>;

const KEY_COUNT = 4096;
/** Operations between two looks at the clock, and keys of one `putMany`. */
const BATCH = 128;
const COUNTERS = 64;

/**
 * Measures one round.
 *
 * @param openStore the `open` of the build that is measured
 * @param ms how long each operation is measured; it is warmed up for as long before
 */
export async function measureRound(openStore: typeof open, ms: number): Promise<RoundResult> {
  const store = await openStore<unknown>({ capacity: "64MiB" });
  const entries = Array.from(
    { length: KEY_COUNT },
    (_, id) => [`key-${id}`, { id, name: `value ${id} `.padEnd(80, "-") }] as const,
  );
  await store.putMany(entries);
  let at = 0;
  const batch = () => {
    at = (at + BATCH) % KEY_COUNT;
    return entries.slice(at, at + BATCH);
  };
  const loops: Record<Operation, () => Promise<void>> = {
    put: async () => {
      for (const [key, value] of batch()) await store.put(key, value);
    },
    // deno-lint-ignore require-await
    putSync: async () => {
      for (const [key, value] of batch()) store.putSync(key, value);
    },
    putMany: () => store.putMany(batch()),
    get: async () => {
      for (const [key] of batch()) await store.get(key);
    },
    // deno-lint-ignore require-await
    getSync: async () => {
      for (const [key] of batch()) store.getSync(key);
    },
    increment: async () => {
      for (let i = 0; i < BATCH; i++) await store.increment(`counter ${i % COUNTERS}`);
    },
    life: async () => {
      const other = await openStore<number>({ capacity: "1MiB" });
      await other.put("key", 1);
      await other.close();
    },
  };
  const result = {} as RoundResult;
  for (const operation of MEASURED) {
    const count = operation === "life" ? 1 : BATCH;
    await runFor(loops[operation], count, ms);
    result[operation] = await runFor(loops[operation], count, ms);
  }
  await store.close();
  return result;
}

/** Runs a loop over so many operations again and again; returns nanoseconds for one of them. */
async function runFor(loop: () => Promise<void>, each: number, ms: number): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  let nowMs = startMs;
  do {
    await loop();
    count += each;
    nowMs = performance.now();
  } while (nowMs - startMs < ms);
  return (nowMs - startMs) * 1e6 / count;
}
