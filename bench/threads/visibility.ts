/**
 * How soon another thread sees what one has written.
 *
 * The clocks of two threads may differ by as much as what is measured here. So one thread writes a
 * number, the other waits for it and answers with a number of its own, and the first waits for
 * that: half of the time is that of one way. Both poll. The same is done with messages between the
 * two threads, which have nothing else to do.
 *
 * @module
 */
import { MessageChannel } from "node:worker_threads";
import { open, type StoreHandle } from "../../mod.ts";
import type { LatencyFigures } from "../measure/latency_recorder.ts";
import { median } from "../measure/statistics.ts";
import { BenchThread, moduleUrl } from "./bench_thread.ts";
import type { ThreadsPlan } from "./plan.ts";

/** How the threads tell each other the number. */
export type Way = (typeof WAYS)[number];
export const WAYS = [
  "putSync, getSync",
  "putSync, getEntrySync",
  "put awaited, getSync",
  "postMessage",
] as const;

export interface VisibilityFigures {
  way: Way;
  /** One way: medians of the rounds. */
  oneWay: LatencyFigures;
  /** How many times as long as this a message takes. */
  messageRatio: number;
}

export interface VisibilityThreadData {
  handle: StoreHandle;
}
export interface RoundOrder {
  way: Way;
  count: number;
}

export async function measureVisibility(plan: ThreadsPlan): Promise<VisibilityFigures[]> {
  const store = await open<number>();
  const data: VisibilityThreadData = { handle: store.share() };
  const threads: BenchThread[] = [];
  try {
    const { port1, port2 } = new MessageChannel();
    for (const port of [port1, port2]) {
      const thread = await BenchThread.start(moduleUrl("visibility_thread"), data);
      threads.push(thread);
      await thread.call("connect", port, [port]);
    }
    const rounds = WAYS.map((): LatencyFigures[] => []);
    // The first round lets the code be compiled and is not counted.
    for (let round = 0; round <= plan.visibilityRoundCount; round++) {
      for (const [i, way] of WAYS.entries()) {
        const figures = await measureRound(threads, { way, count: plan.roundTripCount });
        if (round > 0) rounds[i].push(figures);
      }
    }
    const oneWays = rounds.map((figures): LatencyFigures => ({
      p50Us: median(figures.map(({ p50Us }) => p50Us)),
      p99Us: median(figures.map(({ p99Us }) => p99Us)),
    }));
    const message = oneWays[WAYS.indexOf("postMessage")];
    return WAYS.map((way, i) => ({
      way,
      oneWay: oneWays[i],
      messageRatio: message.p50Us / oneWays[i].p50Us,
    }));
  } finally {
    for (const thread of threads) await thread.end();
    await store.close();
  }
}

async function measureRound(
  [first, second]: readonly BenchThread[],
  order: RoundOrder,
): Promise<LatencyFigures> {
  const [figures] = await Promise.all([
    first.call<LatencyFigures>("ask", order),
    second.call<void>("answer", order),
  ]);
  return figures;
}
