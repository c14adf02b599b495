/**
 * An attached thread that reads and puts, on a store that evicts, on one that has room, or by a
 * connection to Redis.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { workerData } from "node:worker_threads";
import { Redis } from "ioredis";
import { attach, type Store } from "../../mod.ts";
import { CLOCK_STRIDE, type Pass } from "../measure/repetition.ts";
import { serve } from "../threads/served_thread.ts";
import { createRandom } from "../workloads/random.ts";
import { createScrambledZipfian } from "../workloads/zipfian.ts";
import type { ThroughputOrder, ThroughputThreadData } from "./throughput.ts";

const { full, roomy, redisPort, seed, plan } = workerData as ThroughputThreadData;
const stores = {
  full: await attach<Uint8Array>(full, { codec: "binary" }),
  roomy: await attach<Uint8Array>(roomy, { codec: "binary" }),
};
const redis = redisPort === undefined ? undefined : new Redis(redisPort, "127.0.0.1");
const random = createRandom(seed);
const next = createScrambledZipfian(random, plan.keyCount);
const keys = Array.from({ length: plan.keyCount }, (_, i) => `key ${i}`);
const value = new Uint8Array(plan.valueBytes).fill(7);

/** Operations that are on their way to Redis at one time: they are sent together. */
const REDIS_BATCH = 32;
const redisValue = Buffer.from(value);

function workOnStore(store: Store<Uint8Array>): number {
  for (let i = 0; i < CLOCK_STRIDE; i++) {
    const key = keys[next()]!;
    if (random() < plan.putShare) store.putSync(key, value);
    else store.getSync(key);
  }
  return CLOCK_STRIDE;
}

async function workOnRedis(connection: Redis): Promise<number> {
  const operations: Promise<unknown>[] = [];
  for (let i = 0; i < REDIS_BATCH; i++) {
    const key = keys[next()]!;
    const isPut = random() < plan.putShare;
    operations.push(isPut ? connection.set(key, redisValue) : connection.getBuffer(key));
  }
  await Promise.all(operations);
  return REDIS_BATCH;
}

async function run({ peer, ms, barrier }: ThroughputOrder): Promise<Pass> {
  const arrived = new Int32Array(barrier);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < plan.threadCount) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const startMs = performance.now();
  let operationCount = 0;
  let elapsedMs = 0;
  while (elapsedMs < ms) {
    operationCount += peer === "redis" ? await workOnRedis(redis!) : workOnStore(stores[peer]);
    elapsedMs = performance.now() - startMs;
  }
  return { operationCount, elapsedMs };
}

async function end(): Promise<void> {
  await stores.full.close();
  await stores.roomy.close();
  redis?.disconnect();
}

serve({ run, end });
