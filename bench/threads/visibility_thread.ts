/**
 * One of two attached threads that answer each other.
 *
 * @module
 */
import { type MessagePort, workerData } from "node:worker_threads";
import { attach } from "../../mod.ts";
import { type LatencyFigures, LatencyRecorder } from "../measure/latency_recorder.ts";
import { serve } from "./served_thread.ts";
import type { RoundOrder, VisibilityThreadData, Way } from "./visibility.ts";

/**
 * Looks between two looks at the clock, and how long to look until the other thread must have died.
 */
const LOOKS_PER_CLOCK = 1 << 16;
const LOOK_MS_MAX = 10_000;

const PING = "ping";
const PONG = "pong";
const ASK = 0;
const ANSWER = 1;

const { handle } = workerData as VisibilityThreadData;
const store = await attach<number>(handle);
const recorder = new LatencyRecorder();
let port: MessagePort;
let onAnswer: () => void;
/** The last number of the rounds before: numbers never come back. */
let last = 0;

function connect(received: MessagePort): void {
  port = received;
  port.on("message", (message) => {
    if (message === ASK) port.postMessage(ANSWER);
    else onAnswer();
  });
}

/** Asks, waits for the answers, and knows how long each took. */
async function ask({ way, count }: RoundOrder): Promise<LatencyFigures> {
  recorder.reset();
  const end = last + count;
  if (way === "postMessage") await askByMessage(count);
  else {
    for (let number = last + 1; number <= end; number++) {
      const startMs = performance.now();
      if (way === "put awaited, getSync") await store.put(PING, number);
      else store.putSync(PING, number);
      waitFor(way, PONG, number);
      recorder.record((performance.now() - startMs) / 2);
    }
  }
  last = end;
  return recorder.figures();
}

async function answer({ way, count }: RoundOrder): Promise<void> {
  const end = last + count;
  // Messages are answered as they come.
  for (let number = last + 1; number <= end && way !== "postMessage"; number++) {
    waitFor(way, PING, number);
    if (way === "put awaited, getSync") await store.put(PONG, number);
    else store.putSync(PONG, number);
  }
  last = end;
}

function waitFor(way: Way, key: string, number: number): void {
  const deadlineMs = performance.now() + LOOK_MS_MAX;
  for (let looks = 1; !hasArrived(way, key, number); looks++) {
    if (looks % LOOKS_PER_CLOCK === 0 && performance.now() > deadlineMs) {
      throw new Error(`${way}: the other thread has not written number ${number}`);
    }
  }
}

function hasArrived(way: Way, key: string, number: number): boolean {
  if (way === "putSync, getEntrySync") return store.getEntrySync(key)?.value === number;
  return store.getSync(key) === number;
}

function askByMessage(count: number): Promise<void> {
  return new Promise((resolve) => {
    let number = 0;
    let startMs = performance.now();
    onAnswer = () => {
      const nowMs = performance.now();
      recorder.record((nowMs - startMs) / 2);
      startMs = nowMs;
      if (++number < count) port.postMessage(ASK);
      else resolve();
    };
    port.postMessage(ASK);
  });
}

serve({
  connect,
  ask,
  answer,
  end: async () => {
    port.close();
    await store.close();
  },
});
