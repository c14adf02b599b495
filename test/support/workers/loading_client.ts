/**
 * A thread that gets values by `getOrPut` and counts in shared memory what it loads; see
 * ../../api/single_flight.test.ts.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";
import { Random } from "../random.ts";

/** What such a thread is started with. */
export interface LoadingClientData {
  readonly handle: StoreHandle;
  /** By key: how often it was loaded. */
  readonly loads: Int32Array;
  readonly seed: number;
}

/** What it is told. */
export type LoadingOrder =
  /**
   * Gets keys of which few are popular, many at a time; each load takes up to so many milliseconds.
   */
  | { readonly kind: "run"; readonly calls: number; readonly atOnce: number; readonly ms: number }
  /** Gets one key, whose load takes so long and then fails, if it is to. */
  | { readonly kind: "get"; readonly key: string; readonly ms: number; readonly fails: boolean };

const { handle, loads, seed } = workerData as LoadingClientData;
const port = parentPort!;
const store = await attach<string>(handle);
const random = new Random(seed);

/** A key, by Zipf's law with an exponent of about 1. */
function pickKey(): number {
  return Math.floor(loads.length ** random.next()) - 1;
}

async function run({ calls, atOnce, ms }: LoadingOrder & { kind: "run" }): Promise<number> {
  let wrongCount = 0;
  for (let i = 0; i < calls; i += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, async () => {
      const key = pickKey();
      const value = await store.getOrPut(`key ${key}`, async () => {
        Atomics.add(loads, key, 1);
        if (ms > 0) await setTimeout(random.below(ms));
        return `value ${key}`;
      });
      if (value !== `value ${key}`) wrongCount += 1;
    }));
  }
  return wrongCount;
}

async function get({ key, ms, fails }: LoadingOrder & { kind: "get" }): Promise<string> {
  return await store.getOrPut(key, async () => {
    port.postMessage("loading");
    await setTimeout(ms);
    if (fails) throw new Error(`no value for ${key}`);
    return `value of ${seed}`;
  });
}

port.on("message", async (order: LoadingOrder | "end") => {
  if (order === "end") {
    await store.close();
    return process.exit(0);
  }
  try {
    port.postMessage({ result: order.kind === "run" ? await run(order) : await get(order) });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});
port.postMessage("ready");
