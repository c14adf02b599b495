/**
 * Changing the number of KNs while operations go on: no operation is lost, repeated or reordered,
 * and no byte moves.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { abandonExecutor, agentExecutor, enterExecutor } from "../../lib/agent/executor.ts";
import { AGENT_DPM, AGENT_EXECUTOR, AGENT_MERGERS } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { MERGING_NODE } from "../../lib/routing/node_directory.ts";
import { slotOwner } from "../../lib/routing/ownership.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { open, type ScaleReport, type Store } from "../../mod.ts";
import { Load } from "../support/load.ts";
import { Random, SEED } from "../support/random.ts";
import { until } from "../support/store_suite.ts";

const SIZES = { capacity: "2MiB", segmentBytes: "16KiB", ringBytes: "8KiB" } as const;

/** What every report has to say. */
function checkReport(report: ScaleReport, from: number, to: number): void {
  assert.is(report.from, from);
  assert.is(report.to, to);
  assert.is(report.bytesMoved, 0, "I7: reconfiguration moves no data");
  const share = 4096 * Math.abs(to - from) / Math.max(from, to);
  assert.ok(report.slotsMoved >= share * 0.7 && report.slotsMoved <= share * 1.3, `${from}-${to}`);
  for (const ms of [report.startMs, report.durationMs, report.longestPauseMs]) assert.ok(ms >= 0);
}

test("an idle store scales without touching a record", async () => {
  await using store = await open<unknown>(SIZES);
  for (let i = 0; i < 2000; i++) void store.put(`key ${i}`, { i, text: "x".repeat(i % 100) });
  await store.flush();
  const versions = versionsOf(store, 2000);
  const { usedBytes, liveBytes, cleaningBytesMoved, count } = store.stats();
  for (const [from, to] of [[1, 2], [2, 4], [4, 3], [3, 1]] as const) {
    checkReport(await store.scale(to), from, to);
    assert.is(store.nodes, to);
    const stats = store.stats();
    assert.equal(
      [stats.usedBytes, stats.liveBytes, stats.cleaningBytesMoved, stats.count],
      [usedBytes, liveBytes, cleaningBytesMoved, count],
      `from ${from} to ${to}`,
    );
    assert.is(stats.nodes.length, to);
    assert.is(stats.nodes.reduce((sum, node) => sum + node.slots, 0), 4096);
    assert.ok(stats.nodes.every((node) => node.slots > 0));
  }
  assert.equal(versionsOf(store, 2000), versions);
});

test("scaling to what there is changes nothing", async () => {
  await using store = await open<unknown>({ ...SIZES, nodes: 2 });
  const ids = store.stats().nodes.map((node) => node.id);
  const report = await store.scale(2);
  assert.is(report.slotsMoved, 0);
  assert.is(report.bytesMoved, 0);
  assert.equal(store.stats().nodes.map((node) => node.id), ids);
});

test("scalings that are asked for at once happen one after the other", async () => {
  await using store = await open<unknown>(SIZES);
  const reports = await Promise.all([store.scale(3), store.scale(1), store.scale(2)]);
  assert.equal(reports.map(({ from, to }) => `${from}-${to}`), ["1-3", "3-1", "1-2"]);
  assert.is(store.nodes, 2);
});

test("1 to 2 to 4 to 1 under pipelined load: order per key, and every operation exactly once", async () => {
  await using store = await open<unknown>(SIZES);
  const load = new Load(store, new Random(SEED));
  const running = load.run();
  for (const [from, to] of [[1, 2], [2, 4], [4, 1], [1, 3], [3, 2], [2, 1]] as const) {
    checkReport(await store.scale(to), from, to);
    const issued = load.issuedCount;
    while (load.issuedCount < issued + 300) await new Promise((resolve) => setTimeout(resolve));
  }
  load.stop();
  await running;
  load.check(store);
  assert.ok(load.issuedCount > 2000);
});

test("increments during scaling are all counted", async () => {
  await using store = await open<number>(SIZES);
  let issued = 0;
  let isDone = false;
  const counting = (async () => {
    while (!isDone) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => store.increment(`n ${i % 5}`)));
      issued += 20;
    }
  })();
  for (const nodes of [3, 1, 4, 2]) await store.scale(nodes);
  isDone = true;
  await counting;
  let sum = 0;
  for (let i = 0; i < 5; i++) sum += store.getSync(`n ${i}`)!;
  assert.is(sum, issued);
});

test("synchronous operations between the steps of a scaling", async () => {
  await using store = await open<unknown>(SIZES);
  const scaling = store.scale(4).then(() => store.scale(1));
  let isDone = false;
  void scaling.finally(() => isDone = true);
  let count = 0;
  while (!isDone || count < 500) {
    store.putSync(`key ${count % 50}`, count);
    assert.is(store.getSync(`key ${count % 50}`), count);
    count += 1;
    if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  await scaling;
  assert.is(store.nodes, 1);
});

test("a thread that blocks for a key whose slot is on its way does not hold the slot up", async () => {
  await using store = await open<number>({ ...SIZES, placement: "far", cache: "64KiB" });
  const pool = Pool.attach(checkHandle(store.share()).pool);
  const mergerAt = pool.agentAt(AGENT_MERGERS) + AGENT_EXECUTOR;
  const somebody = agentExecutor(AGENT_DPM);
  await until(() => enterExecutor(pool.control, mergerAt, somebody));
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);
  await store.putMany(keys.map((key) => [key, 0]));
  const scaling = store.scale(2);
  const isOnItsWay = (key: string) => slotOwner(pool, slotOf(pool, key)) === MERGING_NODE;
  await until(() => keys.some(isOnItsWay));
  const key = keys.find(isOnItsWay)!;
  // Its slot waits for the merger, which seems to have died; and whoever looks after that is this
  // thread.
  abandonExecutor(pool.control, mergerAt, somebody);
  store.putSync(key, 1);
  assert.is(store.getSync(key), 1);
  checkReport(await scaling, 1, 2);
});

function slotOf(pool: Pool, key: string): Slot {
  const keys = new KeyEncoder(...pool.hashKey);
  return (keys.encode(key) >>> SLOT_SHIFT) as Slot;
}

function versionsOf(store: Store<unknown>, count: number): number[] {
  return Array.from({ length: count }, (_, i) => store.getEntrySync(`key ${i}`)!.version);
}

test.run();
