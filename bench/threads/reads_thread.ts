/**
 * An attached thread that reads, or works on its own.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { halfSipHash13 } from "../../lib/core/half_sip_hash.ts";
import { attach } from "../../mod.ts";
import { CLOCK_STRIDE, type Pass } from "../measure/repetition.ts";
import { createRandom, randomBelow } from "../workloads/random.ts";
import { type Customer, makeKey } from "../workloads/records.ts";
import type { ReadsThreadData, RunOrder } from "./reads.ts";
import { serve } from "./served_thread.ts";

const { handle, keyCount, seed } = workerData as ReadsThreadData;
const store = await attach<Customer>(handle);
const random = createRandom(seed);
const keys = Array.from({ length: keyCount }, (_, i) => makeKey(i));
const words = new Int32Array(4);

function readSome(): void {
  for (let i = 0; i < CLOCK_STRIDE; i++) {
    if (store.getSync(keys[randomBelow(random, keyCount)]) === undefined) {
      throw new Error("a key was not found");
    }
  }
}

function hashSome(): void {
  for (let i = 0; i < CLOCK_STRIDE; i++) words[0] = halfSipHash13(1, 2, words, 0, 16);
}

function run({ isShared, ms, threadCount, barrier }: RunOrder): Pass {
  const work = isShared ? readSome : hashSome;
  const arrived = new Int32Array(barrier);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < threadCount);
  const startMs = performance.now();
  let operationCount = 0;
  let elapsedMs = 0;
  while (elapsedMs < ms) {
    work();
    operationCount += CLOCK_STRIDE;
    elapsedMs = performance.now() - startMs;
  }
  return { operationCount, elapsedMs };
}

serve({ run, end: () => store.close() });
