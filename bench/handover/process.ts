/**
 * A process that has the pool of a handover open, or is to have it next.
 *
 * It is told what to do by lines on its standard input, and says what it has done by lines on its
 * standard output.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { open, type OpenOptions } from "../../mod.ts";

/** How the new process comes to the pool. */
export type HandoverWay = "standby" | "opens after";

/** What the process is. */
export interface HandoverRole {
  readonly way: "old" | HandoverWay;
  /** Whether the processes use the pool together: the new one has a store from its start on. */
  readonly processes: boolean;
  readonly path: string;
  readonly keyCount: number;
  /** Keys that the old one changes, again and again with a rest between, as long as it serves. */
  readonly changedKeys: number;
}

const VALUE = new Uint8Array(100);
const FILLED_AT_ONCE = 1000;
const REST_MS = 10;

const { way, path, processes, keyCount, changedKeys } = JSON.parse(
  process.argv.at(-1)!,
) as HandoverRole;
const options: OpenOptions<Uint8Array> = { path, processes, codec: "binary", keepAlive: true };
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const keyOf = (number: number) => `user:${String(number).padStart(11, "0")}`;
const processorMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Serves a full pool until it is told to close it, or is killed. */
async function serveOld(): Promise<void> {
  const store = await open(options);
  for (let at = store.count; at < keyCount; at += FILLED_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(FILLED_AT_ONCE, keyCount - at) },
      (_, i) => at + i,
    );
    await Promise.all(numbers.map((number) => store.put(keyOf(number), VALUE)));
  }
  await store.snapshot();
  const told = lines.next();
  let serves = true;
  void told.then(() => serves = false);
  console.log("serves");
  for (let next = 0; serves; next += changedKeys) {
    const numbers = Array.from({ length: changedKeys }, (_, i) => (next + i) * 7919 % keyCount);
    await Promise.all(numbers.map((number) => store.put(keyOf(number), VALUE)));
    await sleep(REST_MS);
  }
  await store.close();
}

/** Serves after the old one: from the first line on it has no service. */
async function serveNext(): Promise<void> {
  const onWarm = () => console.log("ready");
  const isReadAhead = way === "standby";
  const standby = processes ? { onWarm } : { waitMs: Infinity, onWarm };
  const opens = isReadAhead ? open({ ...options, standby }) : processes ? open(options) : undefined;
  if (!isReadAhead) console.log("ready");
  await lines.next();
  const startMs = processorMs();
  // The old one has ended.
  if (!isReadAhead || processes) await lines.next();
  const store = await (opens ?? open(options));
  if (await store.get(keyOf(0)) === undefined) throw new Error("the pool is empty");
  console.log(JSON.stringify({ processorMs: processorMs() - startMs }));
  await store.close();
}

await (way === "old" ? serveOld() : serveNext());
process.exit();
