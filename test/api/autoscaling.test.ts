/**
 * The option `autoscale` on real threads: KNs come with the load and go without it, and nothing
 * else that happens to a store is in the way of that.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type AutoscaleDecision,
  type AutoscaleOptions,
  InvalidArgumentError,
  InvalidOptionError,
  open,
  type OpenOptions,
  type Store,
} from "../../mod.ts";
import { assertRejects } from "../support/errors.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { Load } from "../support/load.ts";
import { Random, SEED } from "../support/random.ts";
import { until } from "../support/store_suite.ts";
import { uncaughtBy } from "../support/uncaught.ts";

const SIZES = { capacity: "2MiB", segmentBytes: "16KiB", ringBytes: "8KiB" } as const;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);

/**
 * Any request is too slow, and any work is too much: a load calls for more KNs, and no load for
 * less of them.
 */
const EAGER: AutoscaleOptions = {
  min: 1,
  max: 3,
  slo: { meanMicros: 0.001 },
  occupancy: { lower: 0.00001, upper: 0.00001 },
  periodMs: 20,
  graceMs: 0,
  confirmations: 1,
  samplesMin: 1,
};

/** A store that scales itself, a load on it, and the decisions that it has told of. */
class Scaled {
  readonly store: Store<unknown>;
  readonly decisions: AutoscaleDecision[] = [];
  readonly #load: Load;
  #running: Promise<void> | undefined;

  constructor(store: Store<unknown>) {
    this.store = store;
    this.#load = new Load(store, new Random(SEED));
    store.addEventListener("decision", ({ detail }) => this.decisions.push(detail));
  }

  static async open(autoscale: Partial<AutoscaleOptions>, options: OpenOptions = {}) {
    return new Scaled(
      await open<unknown>({ ...SIZES, autoscale: { ...EAGER, ...autoscale }, ...options }),
    );
  }

  startLoad(): void {
    this.#running = this.#load.run();
  }

  /** Ends the load, which checks that no operation was lost, repeated or reordered. */
  async endLoad(): Promise<void> {
    this.#load.stop();
    await this.#running;
    this.#load.check(this.store);
  }

  withOutcome(outcome: AutoscaleDecision["outcome"]): AutoscaleDecision[] {
    return this.decisions.filter((decision) => decision.outcome === outcome);
  }
}

test("load comes and KNs are added, load goes and they are removed, down to the fewest", async () => {
  const scaled = await Scaled.open({});
  const { store } = scaled;
  assert.is(store.nodes, 1);
  scaled.startLoad();
  await until(() => store.nodes === 3);
  await scaled.endLoad();
  await until(() => scaled.withOutcome("done").at(-1)!.report!.to === 1);
  // What it says is what has happened.
  let nodes = 1;
  for (const { action, report } of scaled.withOutcome("done")) {
    assert.is(report!.from, nodes);
    assert.is(report!.bytesMoved, 0);
    nodes += action!.kind === "add-node" ? 1 : -1;
    assert.is(report!.to, nodes);
    assert.ok(nodes >= 1 && nodes <= 3, `${nodes} KNs`);
  }
  assert.is(nodes, store.nodes);
  assert.equal(store.stats().window!.readKeys, { total: 0, keys: [] }, "no decision needs them");
  for (const { outcome } of scaled.decisions) assert.ok(outcome !== "failed");
  await store.close();
});

test("it begins with the fewest, and stays there while the SLO is met", async () => {
  const scaled = await Scaled.open({ min: 2, slo: { p99Micros: 1e9 } });
  assert.is(scaled.store.nodes, 2);
  scaled.startLoad();
  await until(() => scaled.decisions.length >= 5);
  await scaled.endLoad();
  assert.is(scaled.store.nodes, 2);
  assert.equal(new Set(scaled.decisions.map(({ row }) => row)), new Set(["none"]));
  await scaled.store.close();
});

test("a dry run changes nothing, and says what it would have done", async () => {
  const lines: string[] = [];
  const log = (line: string) => {
    if (lines.push(line) === 1) throw new Error("no line is written");
  };
  const scaled = await Scaled.open({ dryRun: true, log });
  const { store } = scaled;
  const ids = store.stats().nodes.map(({ id }) => id);
  scaled.startLoad();
  const thrown = await uncaughtBy(
    () => until(() => scaled.withOutcome("dry-run").length >= 3),
    1,
  );
  assert.equal(thrown, ["no line is written"]);
  assert.equal(store.stats().nodes.map(({ id }) => id), ids);
  await scaled.endLoad();
  assert.is(scaled.withOutcome("done").length, 0);
  await until(() => lines.length === scaled.decisions.length);
  assert.ok(
    lines.some((line) => /^window \d+ \(\d+ ms\): add-node dry-run: SLO violated/.test(line)),
  );
  await store.close();
  const { length } = scaled.decisions;
  await setTimeout(60);
  assert.is(scaled.decisions.length, length, "a store that is closed decides nothing");
});

test("scale works beside it, within its bounds, and begins a grace period", async () => {
  const scaled = await Scaled.open({ graceMs: 3_600_000 });
  const { store } = scaled;
  for (const nodes of [0, 4]) {
    await assertRejects(() => store.scale(nodes), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^nodes must be from 1 to 3, the bounds of autoscale, got /,
    });
  }
  assert.is((await store.scale(2)).to, 2);
  scaled.startLoad();
  await until(() => scaled.decisions.some(({ heldBy }) => heldBy === "grace"));
  await scaled.endLoad();
  assert.is(store.nodes, 2);
  assert.is(scaled.withOutcome("done").length, 0);
  await store.close();
});

test("the application and the M-node scale at the same time: one after the other, and every operation once", async () => {
  const scaled = await Scaled.open({});
  scaled.startLoad();
  for (const nodes of [3, 1, 2]) {
    const report = await scaled.store.scale(nodes);
    assert.is(report.to, nodes);
    await setTimeout(30);
  }
  await scaled.endLoad();
  for (const { outcome } of scaled.decisions) assert.ok(outcome !== "failed");
  await scaled.store.close();
});

test("a store is closed while the M-node is at it, at any moment", async () => {
  for (let delayMs = 0; delayMs < 120; delayMs += 39) {
    const scaled = await Scaled.open({ periodMs: 10 });
    scaled.startLoad();
    await setTimeout(delayMs);
    await scaled.endLoad();
    const doneCount = scaled.withOutcome("done").length;
    await scaled.store.close();
    const { length } = scaled.decisions;
    // What had been begun is brought to its end, and nothing is begun any more.
    assert.ok(scaled.withOutcome("done").length <= doneCount + 1, `after ${delayMs} ms`);
    await setTimeout(25);
    assert.is(scaled.decisions.length, length, "nothing is decided afterwards");
    assert.is(scaled.withOutcome("failed").length, 0);
  }
});

test("what has been decided is not begun when the store is about to be closed", async () => {
  for (let round = 0; round < 2; round++) {
    const scaled = await Scaled.open({ periodMs: 10, confirmations: 2 });
    scaled.startLoad();
    // Of two decisions the second one adds a KN; it has to wait for this, which starts a thread.
    await until(() => scaled.decisions.some(({ outcome }) => outcome === "held"));
    let isScaling = scaled.withOutcome("done").length === 0;
    const scaling = scaled.store.scale(2).finally(() => isScaling = false);
    await setTimeout(12);
    await scaled.endLoad();
    const wasScaling = isScaling;
    await Promise.all([scaling, scaled.store.close()]);
    // One that began before this scaling was asked for began with one KN.
    const begun = scaled.withOutcome("done").map(({ report }) => report!.from);
    if (wasScaling) assert.ok(begun.every((from) => from === 1), `begun with ${begun} KNs`);
  }
});

test("KNs fail while they are added and removed", async () => {
  const scaled = await Scaled.open({}, { help: false, workers: { node: MORTAL_KN } });
  const { store } = scaled;
  const orders = new FaultOrders(store.share());
  let recoveredCount = 0;
  store.addEventListener("noderecovered", () => recoveredCount += 1);
  scaled.startLoad();
  for (let i = 1; i <= 2; i++) {
    for (const agent of orders.agents) orders.give(agent, Fault.THROW, 500 * i);
    await until(() => recoveredCount >= i);
  }
  await until(() => store.nodes === 3);
  await scaled.endLoad();
  await until(() => store.nodes === 1);
  await store.close();
});

test("bounds that contradict other options are refused", async () => {
  const autoscale = { max: 40, slo: { meanMicros: 1 } };
  await assertRejects(() => open({ capacity: "512KiB", segmentBytes: "16KiB", autoscale }), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /^autoscale\.max must be at most 28 for a pool of 32 segments, got 40$/,
  });
});

test.run();
