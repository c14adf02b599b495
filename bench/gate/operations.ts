/**
 * What the gate measures: the operations of the near path, each in a loop of its own on one store.
 *
 * @module
 */
import type { open } from "../../mod.ts";

/** The operations, in the order in which they are measured and reported. */
export const OPERATIONS = ["put", "putSync", "putMany", "get", "getSync"] as const;

/** One of them. */
export type Operation = (typeof OPERATIONS)[number];

/** Nanoseconds for one key, by operation. */
export type RoundResult = Record<Operation, number>;

const KEY_COUNT = 4096;
/** Operations between two looks at the clock, and keys of one `putMany`. */
const BATCH = 128;

/**
 * Measures one round.
 *
 * @param openStore the `open` of the build that is measured
 * @param ms how long each operation is measured; it is warmed up for as long before
 */
export async function measureRound(openStore: typeof open, ms: number): Promise<RoundResult> {
  const store = await openStore<{ id: number; name: string }>({ capacity: "64MiB" });
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
  };
  const result = {} as RoundResult;
  for (const operation of OPERATIONS) {
    await runFor(loops[operation], ms);
    result[operation] = await runFor(loops[operation], ms);
  }
  await store.close();
  return result;
}

/** Runs a loop over one batch again and again; returns nanoseconds for one key. */
async function runFor(loop: () => Promise<void>, ms: number): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  let nowMs = startMs;
  do {
    await loop();
    count += BATCH;
    nowMs = performance.now();
  } while (nowMs - startMs < ms);
  return (nowMs - startMs) * 1e6 / count;
}
