/**
 * Races between real threads, bounded by counts of steps, never by time.
 *
 * The test's own thread is one of the racers. Each racer has a quota of steps and goes on until all
 * quotas are reached, so a racer that is slow, or was not given a processor for a while, still
 * races against the others. The first to fail stops all. A watchdog on a thread of its own ends the
 * process when a test does not end: a racer that hangs in a loop, or in `Atomics.wait` for a
 * wake-up that was lost, could not do so itself.
 *
 * @module
 */
import { once } from "node:events";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { setTimeout } from "node:timers/promises";

/** Racers whose quota is not reached yet. */
const OPEN_QUOTAS = 0;
/** 1 once a racer has failed. */
const FAILED = 32;
/** 0 until all threads are ready; 1 afterwards. */
const STARTED = 64;
/** 1 once the watchdog may go. */
const WATCH_ENDED = 96;
const RACE_WORDS = 128;

/** After this time a test hangs. Many times what a test takes, because machines are busy. */
const HANG_MS = 60_000;
/** How long a thread that has nothing left to do may take to end before it is terminated. */
const EXIT_MS_MAX = 2000;
const READY = "ready";

/** A thread to race against: a module `outcome_<name>` beside this one, and what it is given. */
export interface Opponent {
  readonly name: string;
  /** Steps that it has to take at least. */
  readonly quota: number;
  readonly data: unknown;
}

/** One racer's share of the race. */
export class Turns {
  /** Steps taken so far. */
  count = 0;
  readonly #words: Int32Array;
  readonly #quota: number;

  /** The share of a racer with that quota. */
  constructor(words: Int32Array, quota: number) {
    this.#words = words;
    this.#quota = quota;
  }

  /** Counts a step; false when the race is over. */
  next(): boolean {
    if (this.count++ === this.#quota) Atomics.sub(this.#words, OPEN_QUOTAS, 1);
    return Atomics.load(this.#words, OPEN_QUOTAS) > 0 && Atomics.load(this.#words, FAILED) === 0;
  }

  /** Whether somebody has failed: then whoever waits for another racer would wait for ever. */
  get isAborted(): boolean {
    return Atomics.load(this.#words, FAILED) !== 0;
  }
}

interface OpponentStart {
  readonly words: SharedArrayBuffer;
  readonly quota: number;
  readonly data: unknown;
}

type OpponentEnd = { readonly report: unknown } | { readonly failure: string };

/**
 * Races against other threads.
 *
 * @param name what the watchdog says when it does not end
 * @param quota steps that this thread has to take at least
 * @param body what this thread does until `turns.next()` is false
 * @returns what the opponents' bodies returned
 */
export function race(
  name: string,
  opponents: readonly Opponent[],
  quota: number,
  body: (turns: Turns) => void,
): Promise<unknown[]> {
  return watched(name, async () => {
    const words = new Int32Array(new SharedArrayBuffer(RACE_WORDS * 4));
    words[OPEN_QUOTAS] = opponents.length + 1;
    const threads: Worker[] = [];
    const ends: Promise<OpponentEnd>[] = [];
    for (const opponent of opponents) {
      const data: OpponentStart = {
        words: words.buffer as SharedArrayBuffer,
        quota: opponent.quota,
        data: opponent.data,
      };
      const { thread, end } = await startThread(`outcome_${opponent.name}`, data);
      threads.push(thread);
      ends.push(end);
    }
    const failures: unknown[] = [];
    release(words, STARTED);
    try {
      body(new Turns(words, quota));
    } catch (error) {
      failures.push(error);
      Atomics.store(words, FAILED, 1);
    }
    const reports: unknown[] = [];
    for (const [i, end] of (await Promise.all(ends)).entries()) {
      if ("report" in end) reports.push(end.report);
      else failures.push(new Error(`${opponents[i].name}: ${end.failure}`));
    }
    for (const thread of threads) await ended(thread);
    // Which of them was the cause is for the reader to see: a racer that ends leaves the others
    // without an answer.
    if (failures.length > 1) throw new Error(failures.map(String).join("\n"));
    if (failures.length === 1) throw failures[0];
    return reports;
  });
}

/** Runs an opponent: the whole of its module. */
export function opponent<Data>(body: (data: Data, turns: Turns) => unknown): void {
  const { words: buffer, quota, data } = workerData as OpponentStart;
  const words = new Int32Array(buffer);
  let end: OpponentEnd;
  parentPort!.postMessage(READY);
  Atomics.wait(words, STARTED, 0);
  try {
    end = { report: body(data as Data, new Turns(words, quota)) };
  } catch (error) {
    Atomics.store(words, FAILED, 1);
    end = { failure: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
  parentPort!.postMessage(end);
}

/** Runs a test under the watchdog: if it does not end, the process does. */
export async function watched<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  const words = new Int32Array(new SharedArrayBuffer(RACE_WORDS * 4));
  const { thread } = await startThread("outcome_watchdog", { words: words.buffer, name });
  try {
    return await run();
  } finally {
    release(words, WATCH_ENDED);
    await ended(thread);
  }
}

/** What the watchdog's thread does; returns whether the test has ended. */
export function watch(): { readonly name: string; readonly hasEnded: boolean } {
  const { words, name } = workerData as { words: SharedArrayBuffer; name: string };
  parentPort!.postMessage(READY);
  const hasEnded = Atomics.wait(new Int32Array(words), WATCH_ENDED, 0, HANG_MS) !== "timed-out";
  return { name, hasEnded };
}

function release(words: Int32Array, word: number): void {
  Atomics.store(words, word, 1);
  Atomics.notify(words, word);
}

/** Starts a thread and waits until it is ready; `end` is what it says next. */
async function startThread(
  module: string,
  data: unknown,
): Promise<{ thread: Worker; end: Promise<OpponentEnd> }> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const url = new URL(`./${module}.${extension}`, import.meta.url);
  const thread = new Worker(url, { workerData: data });
  let tellEnd: (end: OpponentEnd) => void;
  const end = new Promise<OpponentEnd>((resolve) => tellEnd = resolve);
  const ready = new Promise<void>((resolve, reject) => {
    thread.on("message", (message) => message === READY ? resolve() : tellEnd(message));
    thread.on("error", (error) => {
      reject(error);
      tellEnd({ failure: `did not get as far as its body: ${String(error)}` });
    });
  });
  await ready;
  return { thread, end };
}

/** Waits until a thread that has nothing left to do has ended. */
async function ended(thread: Worker): Promise<void> {
  if (thread.threadId === -1) return;
  const timeout = new AbortController();
  const late = setTimeout(EXIT_MS_MAX, undefined, { signal: timeout.signal })
    .then(() => thread.terminate(), () => {});
  await Promise.race([once(thread, "exit"), late]);
  timeout.abort();
}
