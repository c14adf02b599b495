/**
 * Watchers in other threads, also in threads that end; watchers beside KNs that fail, come and go;
 * and what they mean for the process and for a store that is closed.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slot } from "../../lib/core/brands.ts";
import {
  CHANGE_RING_BYTES,
  SLOT_COUNT,
  WAITING_CHANGES_MAX,
  WATCH_PLACE_COUNT,
  WATCHES_MAX,
} from "../../lib/core/limits.ts";
import { SLOT_WATCHERS } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import {
  attach,
  type Entry,
  type KeyChange,
  open,
  type OpenOptions,
  type Store,
  TooManyWatchersError,
} from "../../mod.ts";
import { runChild } from "../support/child.ts";
import type { LifecycleMode } from "../support/children/lifecycle.ts";
import { assertRefusal } from "../support/errors.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";
import { WatchedItems } from "../support/watched_items.ts";
import type { WatchingOrder, WatchingReport } from "../support/workers/watching_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const WATCHER = new URL(`../support/workers/watching_client.${EXTENSION}`, import.meta.url);
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);
const KEEP_ALIVE = { keepAlive: true };
const SMALL: OpenOptions<number> = { capacity: "1MiB", segmentBytes: "16KiB" };

type WatchedValues = (Entry<number> | undefined)[];

/** A thread that watches. */
class WatchingThread {
  readonly reports: WatchingReport[] = [];
  readonly ended: Promise<void>;

  constructor(order: WatchingOrder) {
    const worker = new Worker(WATCHER, { workerData: order });
    worker.on("message", (report: WatchingReport) => this.reports.push(report));
    this.ended = new Promise((resolve) => worker.once("exit", () => resolve()));
  }

  /** Resolves when the thread has seen the first key at a value. */
  async sees(value: unknown): Promise<void> {
    await until(() => {
      const last = this.reports.at(-1);
      return last?.kind === "item" && last.values[0] === value;
    });
  }
}

/** Slots that some thread watches anything of, as changes see them. */
function watchedSlotCount(store: Store<number>): number {
  const pool = Pool.attach(checkHandle(store.share()).pool);
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot as Slot);
  return slots.filter((slot) => pool.control[pool.slotAt(slot) + SLOT_WATCHERS] !== 0).length;
}

test("threads see what others change, asleep and awake", async () => {
  const store = await open<number>(SMALL);
  const handle = store.share();
  const threads = ["a", "b"].map((key) => new WatchingThread({ handle, keys: [key] }));
  await Promise.all(threads.map((thread) => thread.sees(undefined)));
  for (const [i, pauseMs] of [0, 30, 0, 5, 0].entries()) {
    await store.put("a", i);
    await store.put("b", -i);
    await threads[0]!.sees(i);
    await threads[1]!.sees(-i);
    await setTimeout(pauseMs);
  }
  await store.close();
  await Promise.all(threads.map(({ ended }) => ended));
  for (const { reports } of threads) assert.is(reports.at(-1)!.kind, "error");
});

test("a watcher that sleeps is woken, and does not just look once in a second", async () => {
  const store = await open<number>(SMALL);
  const thread = new WatchingThread({ handle: store.share(), keys: ["a"] });
  await thread.sees(undefined);
  const tookMs: number[] = [];
  for (let i = 0; i < 13; i++) {
    await setTimeout(15);
    const startMs = performance.now();
    await store.put("a", i);
    await thread.sees(i);
    tookMs.push(performance.now() - startMs);
  }
  // Each lost bell would cost a second; on a busy machine some changes take as long.
  const median = tookMs.toSorted((a, b) => a - b)[6]!;
  assert.ok(median < 500, `${tookMs} ms`);
  await store.close();
  await thread.ended;
});

test("a thread that ends, or its watch, costs nothing any more", async () => {
  const store = await open<number>(SMALL);
  const handle = store.share();
  const lost: number[] = [];
  store.addEventListener("clientlost", ({ detail }) => lost.push(detail.client));
  for (const how of ["close", "exit"] as const) {
    const thread = new WatchingThread({ handle, keys: ["a", "b", "c"], endsAt: 1, how });
    await thread.sees(undefined);
    assert.is(watchedSlotCount(store), 3);
    await store.put("a", 1);
    await thread.ended;
    await until(() => watchedSlotCount(store) === 0);
    await store.delete("a");
  }
  assert.is(lost.length, 1, "the M-node has taken the place of the thread that has ended at once");
  const watch = store.watch(["a"], KEEP_ALIVE);
  await watch.next();
  assert.is(watchedSlotCount(store), 1);
  await watch.return!();
  assert.is(watchedSlotCount(store), 0);
  for await (const _ of store.watch(["a", "b"], KEEP_ALIVE)) {
    assert.is(watchedSlotCount(store), 2);
    break;
  }
  assert.is(watchedSlotCount(store), 0);
  for await (const _ of store.watch({ prefix: "a" }, KEEP_ALIVE)) {
    assert.is(watchedSlotCount(store), SLOT_COUNT);
    break;
  }
  assert.is(watchedSlotCount(store), 0);
  await store.close();
});

test("a thousand keys are watched at once, and only what has changed is new", async () => {
  const store = await open<number>({ ...SMALL, capacity: "4MiB", nodes: 2 });
  const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
  const watch = store.watch(keys, KEEP_ALIVE);
  let before = (await watch.next()).value as WatchedValues;
  assert.is(before.length, keys.length);
  for (let round = 0; round < 30; round++) {
    const at = (round * 379) % keys.length;
    await store.put(keys[at]!, round);
    const entries = (await watch.next()).value as WatchedValues;
    assert.is(entries[at]!.value, round);
    for (const [i, entry] of entries.entries()) if (i !== at) assert.is(entry, before[i]);
    before = entries;
  }
  await watch.return!();
  await store.close();
});

/** Takes so many items of a watch, and counts them by their kinds. */
async function kindsOf(
  watch: AsyncIterator<KeyChange<string>>,
  count: number,
): Promise<Record<string, number>> {
  const kinds: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { kind } = (await watch.next()).value as KeyChange<string>;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

test("so many changes of a prefix wait as is said, and then a resync is told", async () => {
  const store = await open<number>(SMALL);
  const watch = store.watch({ prefix: "k" }, KEEP_ALIVE);
  assert.equal(await kindsOf(watch, 1), { resync: 1 });
  // With a key of eight bytes a change takes 24 bytes of the ring.
  const inRing = Math.floor(CHANGE_RING_BYTES / 24);
  const put = (count: number) => {
    for (let i = 0; i < count; i++) store.putSync(`k ${100_000 + i % 50}`, i);
  };
  put(inRing);
  assert.equal(await kindsOf(watch, inRing), { put: inRing }, "what fits into the ring");
  put(inRing);
  assert.equal(await kindsOf(watch, 1), { put: 1 });
  const more = WAITING_CHANGES_MAX - (inRing - 1);
  put(more);
  assert.equal(
    await kindsOf(watch, WAITING_CHANGES_MAX),
    { put: WAITING_CHANGES_MAX },
    "what fits into the queue",
  );
  put(inRing + 1);
  assert.equal(await kindsOf(watch, 1), { resync: 1 }, "more than fits into the ring");
  put(inRing);
  assert.equal(await kindsOf(watch, 1), { put: 1 });
  put(more + 1);
  assert.equal(await kindsOf(watch, 1), { resync: 1 }, "more than fits into the queue");
  put(1);
  assert.equal(await kindsOf(watch, 1), { put: 1 }, "what comes after it is told again");
  await watch.return!();
  await store.close();
});

test("a copy that follows a prefix of a store that evicts has what the store has", async () => {
  const store = await open<string>({
    capacity: "256KiB",
    segmentBytes: "4KiB",
    whenFull: "evict",
  });
  const copy = new Map<string, number>();
  let toldCount = 0;
  const watch = store.watch({ prefix: "" }, KEEP_ALIVE);
  const copying = (async () => {
    for await (const change of watch) {
      if (change.kind === "resync") {
        copy.clear();
        for (const [key] of store.entriesSync()) {
          const entry = store.getEntrySync(key);
          if (entry !== undefined) copy.set(key, entry.version);
        }
      } else if (change.kind === "put") {
        if (change.version >= (copy.get(change.key) ?? 0)) copy.set(change.key, change.version);
      } else {
        toldCount += 1;
        if (copy.get(change.key) === change.version) copy.delete(change.key);
      }
    }
  })();
  for (let i = 0; i < 1200; i++) await store.put(`key ${i % 600}`, "x".repeat(700));
  await until(() => {
    const keys = [...store.keysSync()].sort();
    return JSON.stringify([...copy.keys()].sort()) === JSON.stringify(keys);
  });
  assert.ok(store.stats().evicted > 100 && toldCount > 100, `${toldCount} told`);
  await watch.return!();
  await copying;
  await store.close();
});

test("no state is lost when KNs fail in the middle of a step, and slots move", async () => {
  const store = await open<number>({
    ...SMALL,
    help: false,
    nodes: 2,
    workers: { node: MORTAL_KN },
  });
  const orders = new FaultOrders(store.share());
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  const watched = new WatchedItems(store.watch(keys));
  const thread = new WatchingThread({ handle: store.share(), keys });
  const told = new WatchedItems(store.watch({ prefix: "key 1" }));
  let recovered = 0;
  store.addEventListener("noderecovered", () => recovered += 1);
  let value = 0;
  const change = async () => {
    value += 1;
    await Promise.all(keys.map((key) => store.put(key, value)));
  };
  for (const [round, kind] of [Fault.THROW, Fault.EXIT, Fault.THROW].entries()) {
    orders.give(orders.agents[0]!, kind, 60 + 97 * round, 0);
    while (recovered === round) await change();
    await store.scale(round % 2 === 0 ? 3 : 2);
    await change();
  }
  await watched.until((entries) => entries.every((entry) => entry?.value === value));
  await thread.sees(value);
  // What was not told of the last changes was said to be missing.
  const last = await store.getEntry("key 1");
  await until(() =>
    told.last!.kind === "resync" ||
    told.items.some((change) => "key" in change && change.version === last!.version)
  );
  for (const item of watched.items.slice(1)) assert.ok(item.some((entry) => entry !== undefined));
  await store.close();
  await thread.ended;
});

test("what is delivered is in the files, and changes of a store that evicts are told", async () => {
  const path = temporaryPath();
  const store = await open<number>({ ...SMALL, path, durability: "disk" });
  const watched = new WatchedItems(store.watch(["a"]));
  await store.put("a", 1);
  await watched.until(([entry]) => entry?.value === 1);
  await store.close();
  const cache = await open<string>({ capacity: "1MiB", segmentBytes: "16KiB", whenFull: "evict" });
  const evicted = new WatchedItems(cache.watch(["victim"]));
  await cache.put("victim", "x".repeat(900));
  await evicted.until(([entry]) => entry !== undefined);
  for (let i = 0; evicted.last![0] !== undefined; i++) {
    // What is read again stays longer, until everything is.
    await cache.put(`filler ${i}`, "x".repeat(900));
    cache.getSync(`filler ${i}`);
  }
  await cache.close();
});

test("closing the store ends watches with an error that says so", async () => {
  const store = await open<number>(SMALL);
  const other = await attach<number>(store.share());
  const watches = [store, other].map((one) => new WatchedItems(one.watch(["a"], KEEP_ALIVE)));
  await Promise.all(watches.map((watch) => watch.until(() => true)));
  await store.close();
  await Promise.all(watches.map(({ ended }) => ended));
  for (const { error } of watches) assert.is((error as { code: string }).code, "DINOMO_CLOSED");
  await other.close();
});

test("more threads than there are places are refused, and one that ends makes room", async () => {
  const store = await open<number>({ ...SMALL, clients: WATCH_PLACE_COUNT + 2 });
  const others = [];
  for (let i = 0; i < WATCH_PLACE_COUNT; i++) others.push(await attach<number>(store.share()));
  const watches = others.map((other) => other.watch(["a"], KEEP_ALIVE));
  for (const watch of watches) await watch.next();
  assertRefusal(await store.watch(["a"]).next().catch((error) => error), {
    type: TooManyWatchersError,
    code: "DINOMO_TOO_MANY_WATCHERS",
    says: /at most 32 threads/,
  }, "a thread more");
  await watches[7]!.return!();
  const late = store.watch(["a"], KEEP_ALIVE);
  await late.next();
  const nexts = [...watches.filter((_, i) => i !== 7), late].map((watch) => watch.next());
  await store.put("a", 5);
  for (const next of nexts) assert.is((await next).value[0].value, 5);
  for (const other of others) await other.close();
  await store.close();
});

test("more watches of one thread than may be are refused", async () => {
  const store = await open<number>(SMALL);
  const watches = Array.from({ length: WATCHES_MAX }, () => store.watch(["a"], KEEP_ALIVE));
  for (const watch of watches) await watch.next();
  assertRefusal(
    await store.watch(["a"]).next().catch((error) => error),
    {
      type: TooManyWatchersError,
      code: "DINOMO_TOO_MANY_WATCHERS",
      says: /at most 4096 watches/,
    },
    "a watch more",
  );
  const nexts = watches.map((watch) => watch.next());
  await store.put("a", 1);
  for (const next of nexts) assert.is((await next).value[0].value, 1);
  for (const watch of watches) await watch.return!();
  assert.is(watchedSlotCount(store), 0);
  await store.close();
});

test("a watch lets the process end, unless it is to keep it alive", async () => {
  const run = (mode: LifecycleMode) => runChild("lifecycle", { mode });
  const [idle, alive] = await Promise.all([run("watching"), run("watchingAlive")]);
  assert.equal(idle, ["open", "watching"]);
  assert.equal(alive, ["open", "watching", "told", "ended"]);
});

test.run();
