/**
 * Adds jobs to a queue and does them, until it is killed; or only does them, until there is none.
 *
 * What it does it notes in a file, which outlives it: `a` a job whose addition was acknowledged,
 * `s` one that a consumer has got, `d` one whose end was acknowledged.
 *
 * @module
 */
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Queue } from "../../../lib/queue/mod.ts";
import { open } from "../../../mod.ts";
import { childArguments } from "../child.ts";

export interface QueueUse {
  readonly path: string;
  readonly notes: string;
  readonly durability: "os" | "disk";
  readonly life: number;
  /** Whether it adds no jobs, and ends when there is none. */
  readonly isLast: boolean;
}

const TOGETHER = 2;
/** Jobs that a producer adds at once. */
const AT_ONCE = 5;
/** Jobs that are not done at which producers wait. */
const WAITING_MAX = 100;

const { path, notes, durability, life, isLast } = childArguments<QueueUse>();
const file = openSync(notes, "a");
const note = (what: "a" | "s" | "d", job: string) => void writeSync(file, `${what} ${job}\n`);
const store = await open({ path, capacity: "8MiB", ordered: true, durability });
const stop = new AbortController();
const newQueue = () => new Queue<string>(store, "jobs", { leaseMs: 300, attempts: 1_000_000 });
let waiting = 0;

async function produce(name: string): Promise<void> {
  const queue = newQueue();
  for (let next = 0;; next += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
      const job = `${name}.${next + i}`;
      await queue.add(job);
      note("a", job);
      waiting += 1;
    }));
    do await setTimeout(1); while (waiting > WAITING_MAX);
  }
}

async function consume(): Promise<void> {
  for await (const job of newQueue().jobs({ signal: stop.signal })) {
    note("s", job.value);
    // Some are done in the order in which they came, some are not.
    void setTimeout(job.value.length % 3).then(async () => {
      waiting -= 1;
      if (await job.ack()) note("d", job.value);
    });
  }
}

const consuming = Array.from({ length: TOGETHER }, () => consume().catch(() => {}));
if (!isLast) { for (let i = 0; i < TOGETHER; i++) void produce(`${life}.${i}`); }
else {
  while ((await newQueue().counts()).jobs > 0) await setTimeout(20);
  stop.abort();
  await Promise.all(consuming);
  await store.close();
  process.exit(0);
}
