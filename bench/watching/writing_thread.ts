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
  /** When the watcher had what was sent last, by its own clock; and the number of that. */
  seenUs: Float64Array;
  seen: Int32Array;
}

/** How a number is brought to the other thread. */
export type Way =
  | "putSync"
  | "put awaited"
  | "putSync, postMessage"
  | "put awaited, postMessage"
  | "putSync, postMessage to a turning loop"
  | "postMessage"
  | "postMessage to a turning loop";

export interface WriteOrder {
  way: Way;
  count: number;
  /** Milliseconds between what the watcher has seen and the next change. */
  gapMs: number;
  /** What the watcher's clock shows less than this thread's, in microseconds. */
  offsetUs: number;
}

/** When the watcher had each number, in microseconds. */
export interface Delivered {
  /** Since before the call. */
  sinceCallUs: number[];
  /**
   * Since its end, when the put was awaited: all threads can read the value by then. Below 0 if the
   * watcher was sooner.
   */
  sinceEndUs: number[];
}

const { handle, clock, seenUs, seen } = workerData as WritingThreadData;
const store = await attach<number>(handle);
let port: MessagePort;
let sent = 0;

async function write({ way, count, gapMs, offsetUs }: WriteOrder): Promise<Delivered> {
  const delivered: Delivered = { sinceCallUs: [], sinceEndUs: [] };
  for (let i = 0; i < count; i++) {
    if (gapMs > 0) await stayAwake(gapMs);
    sent += 1;
    const calledUs = nowUs();
    if (way.startsWith("putSync")) store.putSync("key", sent);
    else if (way.startsWith("put")) await store.put("key", sent);
    if (way.includes("postMessage")) port.postMessage(sent);
    const endedUs = nowUs();
    while (Atomics.load(seen, 0) < sent) Atomics.wait(seen, 0, Atomics.load(seen, 0), 1);
    const deliveredUs = seenUs[0]! + offsetUs;
    delivered.sinceCallUs.push(deliveredUs - calledUs);
    delivered.sinceEndUs.push(deliveredUs - endedUs);
  }
  return delivered;
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
