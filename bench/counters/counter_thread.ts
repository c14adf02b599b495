/**
 * A thread that increments one counter beside others.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { serve } from "../threads/served_thread.ts";
import { countFor, openCounters, type Place } from "./counter.ts";

const counters = await openCounters(workerData as Place);

serve({
  count: ({ ms, lanes }: { ms: number; lanes: number }) =>
    countFor(counters.increment, ms, lanes, () => "shared"),
  end: () => counters.close(),
});
