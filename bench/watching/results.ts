/**
 * How soon a watcher learns of a change that another thread makes, beside a message of that thread.
 *
 * It ends when the value is in the body of the watcher's loop, or the message in its listener. It
 * begins before the call (of `put`, `putSync` or `postMessage`), and a second time at the end of
 * that call, when a put was awaited: what the watcher needs after that is what it takes from the
 * moment at which all threads can read the value, or less, as a put is visible shortly before its
 * end.
 *
 * A message alone tells less than a watched put, which also stores the value. What an application
 * does instead of watching is to put the value and then post a message, which is measured, too.
 *
 * The watcher is awake when changes follow each other at once, and asleep when there are
 * milliseconds between them. The thread that gets messages sleeps between two of them, as threads
 * do, so they are measured a second time with one whose event loop turns all the time.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Entry, open, type Store } from "../../mod.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import { median, quantileOfSorted } from "../measure/statistics.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { BenchThread } from "../threads/bench_thread.ts";
import { clockOffsetUs, makeSharedClock, nowUs } from "./clock.ts";
import type { Delivered, Way, WriteOrder, WritingThreadData } from "./writing_thread.ts";

export const WAYS: readonly Way[] = [
  "putSync",
  "put awaited",
  "putSync, postMessage",
  "put awaited, postMessage",
  "putSync, postMessage to a turning loop",
  "postMessage",
  "postMessage to a turning loop",
];
/** Between two changes, so that the watcher sleeps. */
const GAP_MS = 4;

/** Medians and a quantile, in microseconds. */
export interface LatencyFigures {
  p50Us: number;
  p99Us: number;
  /** Median since the end of the call. */
  sinceEndUs: number;
}

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

/** Takes what comes, by whichever way, and says when. */
class Receiver {
  /** What the clock of the other thread shows more. */
  offsetUs = 0;
  readonly #data: WritingThreadData;

  constructor(data: WritingThreadData) {
    this.#data = data;
  }

  take(number: number): void {
    const { seenUs, seen } = this.#data;
    if (number <= Atomics.load(seen, 0)) return;
    seenUs[0] = nowUs();
    Atomics.store(seen, 0, number);
    Atomics.notify(seen, 0);
  }
}

export async function measureWatching(size: Size): Promise<WatchingResults> {
  const store = await open<number>();
  const data: WritingThreadData = {
    handle: store.share(),
    clock: makeSharedClock(),
    seenUs: new Float64Array(new SharedArrayBuffer(8)),
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
  { way, count, gapMs }: Omit<WriteOrder, "offsetUs">,
): Promise<LatencyFigures> {
  const order: WriteOrder = { way, count, gapMs, offsetUs: receiver.offsetUs };
  if (way.includes("postMessage")) return figuresOf(await sendMessages(thread, order));
  const watch = store.watch(["key"], { keepAlive: true });
  await watch.next();
  const watching = takeAll(watch, receiver);
  const delivered = await thread.call<Delivered>("write", order);
  await watch.return!();
  await watching;
  return figuresOf(delivered);
}

/** Has messages sent; the loop of this thread turns all the time if the way asks for that. */
async function sendMessages(thread: BenchThread, order: WriteOrder): Promise<Delivered> {
  let isTurning = order.way.endsWith("turning loop");
  const turn = () => {
    if (isTurning) setImmediate(turn);
  };
  turn();
  const delivered = await thread.call<Delivered>("write", order);
  isTurning = false;
  return delivered;
}

function figuresOf({ sinceCallUs, sinceEndUs }: Delivered): LatencyFigures {
  const sorted = Float64Array.from(sinceCallUs).sort();
  return {
    p50Us: quantileOfSorted(sorted, 0.5),
    p99Us: quantileOfSorted(sorted, 0.99),
    sinceEndUs: median(sinceEndUs),
  };
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
    sinceEndUs: median(figures.map(({ sinceEndUs }) => sinceEndUs)),
  };
}

export function formatWatching({ environment, ways }: WatchingResults): string {
  const columns = ["p50", "p99", "since its end"];
  const head = ["from the call to the watcher, us", "awake", ...columns, "asleep", ...columns];
  const lines = ways.map(({ way, awake, asleep }) => [
    way,
    "",
    ...[awake.p50Us, awake.p99Us, awake.sinceEndUs].map(threeDigits),
    "",
    ...[asleep.p50Us, asleep.p99Us, asleep.sinceEndUs].map(threeDigits),
  ]);
  return `${environment.runtime}\n${alignColumns([head, ...lines])}`;
}
