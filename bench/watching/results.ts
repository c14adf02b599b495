/**
 * How soon a watcher learns of a change that another thread makes, beside a message of that thread: from before the call that changes
 * the key until the watcher has the value.
 *
 * The watcher is awake when changes follow each other at once, and asleep when there are milliseconds between them.
 *
 * @module
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Entry, open, type Store } from "../../mod.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { type LatencyFigures, LatencyRecorder } from "../measure/latency_recorder.ts";
import { median } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { BenchThread } from "../threads/bench_thread.ts";
import { clockOffsetUs, makeSharedClock, nowUs } from "./clock.ts";
import type { Way, WriteOrder, WritingThreadData } from "./writing_thread.ts";

export const WAYS: readonly Way[] = ["putSync", "put awaited", "postMessage"];
/** Between two changes, so that the watcher sleeps. */
const GAP_MS = 4;

export interface WatchingFigures {
  way: Way;
  awake: LatencyFigures;
  asleep: LatencyFigures;
}

export interface WatchingResults {
  environment: Environment;
  ways: WatchingFigures[];
}

interface Plan {
  roundCount: number;
  awakeCount: number;
  asleepCount: number;
}

const PLANS: Record<Size, Plan> = {
  smoke: { roundCount: 1, awakeCount: 20, asleepCount: 3 },
  quick: { roundCount: 5, awakeCount: 2000, asleepCount: 100 },
  full: { roundCount: 15, awakeCount: 5000, asleepCount: 300 },
};

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const THREAD = new URL(`./writing_thread.${EXTENSION}`, import.meta.url);

/** Takes what comes, by whichever way, and notes how long it took. */
class Receiver {
  readonly recorder = new LatencyRecorder();
  offsetUs = 0;
  readonly #data: WritingThreadData;

  constructor(data: WritingThreadData) {
    this.#data = data;
  }

  take(number: number): void {
    const { changedUs, seen } = this.#data;
    if (number <= Atomics.load(seen, 0)) return;
    this.recorder.record((nowUs() - (changedUs[0]! - this.offsetUs)) / 1000);
    Atomics.store(seen, 0, number);
    Atomics.notify(seen, 0);
  }
}

export async function measureWatching(size: Size): Promise<WatchingResults> {
  const store = await open<number>();
  const data: WritingThreadData = {
    handle: store.share(),
    clock: makeSharedClock(),
    changedUs: new Float64Array(new SharedArrayBuffer(8)),
    seen: new Int32Array(new SharedArrayBuffer(4)),
  };
  const thread = await BenchThread.start(THREAD, data);
  const { port1, port2 } = new MessageChannel();
  try {
    await thread.call("connect", port2, [port2]);
    const receiver = new Receiver(data);
    const clock = thread.call("clock");
    receiver.offsetUs = clockOffsetUs(data.clock);
    await clock;
    port1.on("message", (number: number) => receiver.take(number));
    const ways = await measureWays(store, thread, receiver, PLANS[size]);
    return { environment: describeEnvironment(), ways };
  } finally {
    await end(store, thread, port1);
  }
}

async function end(store: Store<number>, thread: BenchThread, port: MessagePort): Promise<void> {
  port.close();
  await thread.end();
  await store.close();
}

async function measureWays(
  store: Store<number>,
  thread: BenchThread,
  receiver: Receiver,
  { roundCount, awakeCount, asleepCount }: Plan,
): Promise<WatchingFigures[]> {
  const rounds = WAYS.map((): { awake: LatencyFigures[]; asleep: LatencyFigures[] } => ({
    awake: [],
    asleep: [],
  }));
  // The first round lets the code be compiled and is not counted.
  for (let round = 0; round <= roundCount; round++) {
    for (const [i, way] of WAYS.entries()) {
      const awake = await measure(store, thread, receiver, { way, count: awakeCount, gapMs: 0 });
      const order = { way, count: asleepCount, gapMs: GAP_MS };
      const asleep = await measure(store, thread, receiver, order);
      if (round === 0) continue;
      rounds[i]!.awake.push(awake);
      rounds[i]!.asleep.push(asleep);
    }
  }
  return WAYS.map((way, i) => ({
    way,
    awake: medians(rounds[i]!.awake),
    asleep: medians(rounds[i]!.asleep),
  }));
}

async function measure(
  store: Store<number>,
  thread: BenchThread,
  receiver: Receiver,
  order: WriteOrder,
): Promise<LatencyFigures> {
  receiver.recorder.reset();
  if (order.way === "postMessage") await thread.call("write", order);
  else {
    const watch = store.watch(["key"], { keepAlive: true });
    await watch.next();
    const watching = takeAll(watch, receiver);
    await thread.call("write", order);
    await watch.return!();
    await watching;
  }
  return receiver.recorder.figures();
}

async function takeAll(
  watch: AsyncIterable<(Entry<number> | undefined)[]>,
  receiver: Receiver,
): Promise<void> {
  for await (const [entry] of watch) if (entry !== undefined) receiver.take(entry.value);
}

function medians(figures: readonly LatencyFigures[]): LatencyFigures {
  return {
    p50Us: median(figures.map(({ p50Us }) => p50Us)),
    p99Us: median(figures.map(({ p99Us }) => p99Us)),
  };
}

export function formatWatching({ environment, ways }: WatchingResults): string {
  const head = ["from a change to the watcher, us", "awake p50", "p99", "asleep p50", "p99"];
  const lines = ways.map(({ way, awake, asleep }) => [
    way,
    ...[awake.p50Us, awake.p99Us, asleep.p50Us, asleep.p99Us].map(threeDigits),
  ]);
  return `${environment.runtime}\n${alignColumns([head, ...lines])}`;
}
