/**
 * A thread that changes a key, or sends a message, and says when.
 *
 * @module
 */
import { type MessagePort, workerData } from "node:worker_threads";
import { setImmediate } from "node:timers/promises";
import { attach, type StoreHandle } from "../../mod.ts";
import { serve } from "../threads/served_thread.ts";
import { answerClock, nowUs, type SharedClock } from "./clock.ts";

export interface WritingThreadData {
  handle: StoreHandle;
  clock: SharedClock;
  /** The time of the last change; and a word that counts what the watcher has seen. */
  changedUs: Float64Array;
  seen: Int32Array;
}

/** How a number is brought to the other thread. */
export type Way = "putSync" | "put awaited" | "postMessage";

export interface WriteOrder {
  way: Way;
  count: number;
  /** Milliseconds between what the watcher has seen and the next change. */
  gapMs: number;
}

const { handle, clock, changedUs, seen } = workerData as WritingThreadData;
const store = await attach<number>(handle);
let port: MessagePort;
let sent = 0;

async function write({ way, count, gapMs }: WriteOrder): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (gapMs > 0) await stayAwake(gapMs);
    sent += 1;
    changedUs[0] = nowUs();
    if (way === "putSync") store.putSync("key", sent);
    else if (way === "postMessage") port.postMessage(sent);
    else await store.put("key", sent);
    while (Atomics.load(seen, 0) < sent) Atomics.wait(seen, 0, Atomics.load(seen, 0), 1);
  }
}

/** Lets time pass in which this thread does not sleep: what is measured is the watcher's sleep. */
async function stayAwake(ms: number): Promise<void> {
  await setImmediate();
  for (const endUs = nowUs() + 1000 * ms; nowUs() < endUs;) store.getSync("key");
}

serve({
  connect: (given: MessagePort) => {
    port = given;
  },
  clock: () => answerClock(clock),
  write,
  end: async () => {
    port.close();
    await store.close();
  },
});
