/**
 * A thread that adds jobs, or does them, beside others.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { serve } from "../threads/served_thread.ts";
import { makeTask, openJobQueue, type QueuePlace } from "./job_queue.ts";

const queue = await openJobQueue(workerData as QueuePlace);
const stop = new AbortController();
let consuming: Promise<void> | undefined;

serve({
  produce: async ({ from, count, atOnce }: { from: number; count: number; atOnce: number }) => {
    for (let next = from; next < from + count; next += atOnce) {
      const end = Math.min(next + atOnce, from + count);
      const added: Promise<unknown>[] = [];
      for (let id = next; id < end; id++) added.push(queue.add(makeTask(id)));
      await Promise.all(added);
    }
  },
  consume: ({ done }: { done: Int32Array }) => {
    consuming = queue.consume(({ id }) => {
      if (Atomics.add(done, id + 1, 1) !== 0) return;
      Atomics.add(done, 0, 1);
      Atomics.notify(done, 0);
    }, stop.signal);
  },
  end: async () => {
    stop.abort();
    await consuming;
    await queue.close();
  },
});
