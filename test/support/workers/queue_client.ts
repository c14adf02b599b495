/**
 * A thread that works on the jobs of a queue, and dies after some of them, in the middle of one.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { Queue } from "../../../lib/queue/mod.ts";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What a thread is started with. */
export interface QueueClientData {
  readonly handle: StoreHandle;
  /** By job: how often it was done. */
  readonly done: Int32Array;
  readonly leaseMs: number;
  /** Jobs after which it dies; Infinity for never. */
  readonly diesAfter: number;
}

const { handle, done, leaseMs, diesAfter } = workerData as QueueClientData;
const store = await attach(handle);
const queue = new Queue<number>(store, "jobs", { leaseMs, attempts: 1000 });
const stop = new AbortController();
parentPort!.on("message", () => stop.abort());
parentPort!.postMessage("ready");
let count = 0;
await queue.process(async ({ value }) => {
  await setTimeout(0);
  if (++count > diesAfter) process.exit(0);
  Atomics.add(done, value, 1);
}, { concurrency: 4, signal: stop.signal });
await store.close();
process.exit(0);
