/**
 * Scans in order beside threads that write, KNs that die, and slots that move: each key that stays
 * is seen exactly once, in its place, and nothing is seen that was never there.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type OpenOptions, type RangeOptions, type Store } from "../../mod.ts";
import { AttachedThread } from "../support/attached_thread.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { type Random, seeded } from "../support/random.ts";
import { compareKeys, listOf } from "../support/range_model.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);

const STAYING_COUNT = 400;
const COMING_COUNT = 1200;
const ROUNDS = 12;
const FAILURES = 4;
const FAULT_ACCESSES_MAX = 600;

const SMALL: OpenOptions<number> = {
  capacity: "4MiB",
  segmentBytes: "32KiB",
  ordered: true,
};

/** Keys that stay lie between those that come and go. */
function stayingKey(i: number): string {
  return `k${String(i * 3).padStart(5, "0")}`;
}

function comingKey(random: Random): string {
  return `k${String(random.below(COMING_COUNT * 3)).padStart(5, "0")}-${random.below(3)}`;
}

const STAYING: readonly string[] = Array.from({ length: STAYING_COUNT }, (_, i) => stayingKey(i));

/** Checks what a scan has given. */
function checkScan(
  entries: readonly (readonly [string, number])[],
  { gte, lt, reverse = false }: RangeOptions = {},
): void {
  const keys = entries.map(([key]) => key);
  for (let i = 1; i < keys.length; i++) {
    const order = compareKeys(keys[i - 1]!, keys[i]!);
    assert.ok(reverse ? order > 0 : order < 0, `${keys[i - 1]} before ${keys[i]}`);
  }
  const isIn = (key: string) =>
    (gte === undefined || compareKeys(key, gte) >= 0) &&
    (lt === undefined || compareKeys(key, lt) < 0);
  for (const key of keys) assert.ok(isIn(key) && /^k\d{5}(-[012])?$/.test(key), key);
  const seen = new Set(keys);
  for (const [i, key] of STAYING.entries()) {
    if (isIn(key)) assert.ok(seen.has(key), `${key} is missing`);
    const value = entries[keys.indexOf(key)]?.[1];
    if (value !== undefined) assert.is(value, i);
  }
}

async function scanSome(store: Store<number>, random: Random): Promise<void> {
  checkScan([...store.entriesSync()]);
  const [gte, lt] = [comingKey(random), comingKey(random)].sort() as [string, string];
  const range = { gte, lt, reverse: random.below(2) === 0 };
  checkScan([...store.entriesSync(range)], range);
  checkScan(await listOf(store.entries({ reverse: true })), { reverse: true });
}

function pairsOf(random: Random, count: number): [string, number][] {
  return Array.from({ length: count }, () => [comingKey(random), -1]);
}

for (const nodes of [1, 3]) {
  test(
    `two threads write and one scans, ${nodes} KNs`,
    seeded(async (random) => {
      const store = await open<number>({ ...SMALL, nodes });
      const threads = [
        await AttachedThread.start(store.share()),
        await AttachedThread.start(store.share()),
      ];
      await store.putMany(STAYING.map((key, i) => [key, i]));
      let isOver = false;
      const writing = threads.map(async (thread) => {
        while (!isOver) {
          const pairs = pairsOf(random, 60);
          await thread.call("putMany", pairs);
          // Overwrites do not move a key.
          const at = random.below(STAYING_COUNT);
          await thread.call("put", STAYING[at], at);
          await thread.call("deleteMany", pairs.slice(random.below(30)).map(([key]) => key));
        }
      });
      for (let round = 0; round < ROUNDS; round++) {
        await scanSome(store, random);
        if (nodes > 1 && round % 8 === 7) await store.scale(random.between(1, 3));
        await setTimeout(1);
      }
      isOver = true;
      await Promise.all(writing);
      checkScan([...store.entriesSync()]);
      assert.is(store.countKeysSync(), store.count);
      for (const thread of threads) await thread.order({ kind: "call", method: "close", args: [] });
      for (const thread of threads) await thread.terminate();
      await store.close();
    }),
  );
}

test(
  "KNs die in the middle of a change, again and again",
  seeded(async (random) => {
    const workers = { node: MORTAL_KN };
    const store = await open<number>({ ...SMALL, help: false, workers });
    const orders = new FaultOrders(store.share());
    let recoveredCount = 0;
    store.addEventListener("noderecovered", () => recoveredCount += 1);
    await store.putMany(STAYING.map((key, i) => [key, i]));
    const present = new Set<string>();
    for (let failure = 0; failure < FAILURES; failure++) {
      orders.give(orders.agents[0]!, Fault.THROW, random.between(1, FAULT_ACCESSES_MAX));
      while (recoveredCount <= failure) {
        const pairs = pairsOf(random, 40);
        const gone = pairs.slice(random.below(40)).map(([key]) => key);
        await store.putMany(pairs);
        await store.deleteMany(gone);
        for (const [key] of pairs) present.add(key);
        for (const key of gone) present.delete(key);
        await setTimeout(1);
      }
      const entries = [...store.entriesSync()];
      checkScan(entries);
      const expected = [...STAYING, ...present].sort(compareKeys);
      assert.equal(entries.map(([key]) => key), expected, `failure ${failure}`);
      await scanSome(store, random);
    }
    await store.close();
  }),
);

test.run();
