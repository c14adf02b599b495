/**
 * An attached thread that reads and puts, on a store that evicts, or on one that has room.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { attach } from "../../mod.ts";
import { CLOCK_STRIDE, type Pass } from "../measure/repetition.ts";
import { serve } from "../threads/served_thread.ts";
import { createRandom } from "../workloads/random.ts";
import { createScrambledZipfian } from "../workloads/zipfian.ts";
import type { ThroughputOrder, ThroughputThreadData } from "./throughput.ts";

const { full, roomy, seed, plan } = workerData as ThroughputThreadData;
const stores = {
  full: await attach<Uint8Array>(full, { codec: "binary" }),
  roomy: await attach<Uint8Array>(roomy, { codec: "binary" }),
};
const random = createRandom(seed);
const next = createScrambledZipfian(random, plan.keyCount);
const keys = Array.from({ length: plan.keyCount }, (_, i) => `key ${i}`);
const value = new Uint8Array(plan.valueBytes).fill(7);

async function run({ isFull, ms, barrier }: ThroughputOrder): Promise<Pass> {
  const store = isFull ? stores.full : stores.roomy;
  const arrived = new Int32Array(barrier);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < plan.threadCount) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const startMs = performance.now();
  let operationCount = 0;
  let elapsedMs = 0;
  while (elapsedMs < ms) {
    for (let i = 0; i < CLOCK_STRIDE; i++) {
      const key = keys[next()]!;
      if (random() < plan.putShare) store.putSync(key, value);
      else store.getSync(key);
    }
    operationCount += CLOCK_STRIDE;
    elapsedMs = performance.now() - startMs;
  }
  return { operationCount, elapsedMs };
}

async function end(): Promise<void> {
  await stores.full.close();
  await stores.roomy.close();
}

serve({ run, end });
