/**
 * KNs that fail in the middle of their work, on real threads: each is replaced, and nobody notices
 * more than a pause.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type NodeFailure,
  type NodeRecovery,
  open,
  type OpenOptions,
  type Store,
} from "../../mod.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);
const SIZES = { capacity: "1MiB", segmentBytes: "16KiB", workers: { node: MORTAL_KN } } as const;
const KEY_COUNT = 200;

/** A store whose KNs fail on command, and what it reports. */
class MortalStore {
  readonly store: Store<number>;
  readonly orders: FaultOrders;
  readonly failures: NodeFailure[] = [];
  readonly recoveries: NodeRecovery[] = [];
  /** What each key must hold. */
  readonly expected = new Map<string, number>();
  #count = 0;

  constructor(store: Store<number>) {
    this.store = store;
    this.orders = new FaultOrders(store.share());
    store.addEventListener("nodefailed", ({ detail }) => this.failures.push(detail));
    store.addEventListener("noderecovered", ({ detail }) => this.recoveries.push(detail));
  }

  /** Changes so many keys at once, and waits until all of it has ended. */
  async change(count: number): Promise<void> {
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const value = ++this.#count;
      const key = `key ${value % KEY_COUNT}`;
      this.expected.set(key, value);
      ends.push(this.store.put(key, value));
    }
    await Promise.all(ends);
  }

  /** Keeps the KNs busy until a fault has happened and has been dealt with. */
  async outlive(kind: number, accesses: number, durationMs = 0): Promise<void> {
    const before = this.recoveries.length;
    const agent = this.orders.agents[0]!;
    this.orders.give(agent, kind, accesses, durationMs);
    while (this.recoveries.length === before) {
      await this.change(100);
      await setTimeout(1);
    }
  }

  check(): void {
    for (const [key, value] of this.expected) assert.is(this.store.getSync(key), value, key);
    assert.is(this.store.count, this.expected.size);
  }
}

async function withMortalStore(
  options: OpenOptions<number>,
  body: (mortal: MortalStore) => Promise<void>,
): Promise<void> {
  const store = await open<number>({ ...SIZES, help: false, ...options });
  try {
    await body(new MortalStore(store));
  } finally {
    await store.close();
  }
}

/**
 * Bun ignores the memory limits of workers, and on Deno a worker without memory takes the process
 * with it.
 */
const hasMemoryLimits = !("Bun" in globalThis) && !("Deno" in globalThis);

const FAULTS: readonly [string, number, number][] = [
  ["throws", Fault.THROW, 0],
  ["ends its thread", Fault.EXIT, 0],
  ["stalls for two seconds and goes on", Fault.STALL, 2000],
  ["loops for two seconds and goes on", Fault.LOOP, 2000],
  ...(hasMemoryLimits ? [["runs out of memory", Fault.MEMORY, 0] as [string, number, number]] : []),
];

for (const [name, kind, durationMs] of FAULTS) {
  test(`a KN that ${name} is replaced, and nothing is lost`, () =>
    withMortalStore({ nodes: 2 }, async (mortal) => {
      await mortal.change(500);
      for (const accesses of [40, 333]) await mortal.outlive(kind, accesses, durationMs);
      mortal.check();
      const { store, failures, recoveries } = mortal;
      assert.is(store.nodes, 2);
      assert.is(store.stats().nodesFailed, failures.length);
      assert.is(failures.length, recoveries.length);
      for (const [i, failure] of failures.entries()) {
        assert.ok(failure.reason.length > 0);
        assert.is.not(failure.node, failure.replacement);
        assert.is(recoveries[i]!.node, failure.node);
        assert.ok(failure.slotsMoved + failure.slotsHeld > 1000, "about half of the slots");
      }
      await until(() => store.stats().zombies === 0);
    }));
}

test("what was acknowledged before, during and after a failure is in the files", async () => {
  const path = temporaryPath();
  const expected = new Map<string, number>();
  await withMortalStore({ path, nodes: 2, durability: "os" }, async (mortal) => {
    for (const accesses of [55, 120, 270]) await mortal.outlive(Fault.THROW, accesses);
    mortal.check();
    for (const [key, value] of mortal.expected) expected.set(key, value);
  });
  const store = await open<number>({ path });
  for (const [key, value] of expected) assert.is(store.getSync(key), value, key);
  assert.is(store.count, expected.size);
  await store.close();
});

test("an operation that blocks goes on when the KN that it waits for has failed", () =>
  withMortalStore({ nodes: 1 }, async (mortal) => {
    const { store, orders } = mortal;
    for (const kind of [Fault.THROW, Fault.EXIT, Fault.STALL]) {
      const agent = orders.agents[0]!;
      orders.give(agent, kind, 30, 2000);
      // Nothing turns the event loop meanwhile, so the worker's events do not arrive.
      for (let i = 0; orders.isWaiting(agent) || i < 20; i++) store.putSync("blocked", i);
      store.putSync("blocked", 1000 + kind);
      assert.is(store.getSync("blocked"), 1000 + kind);
    }
    assert.is(store.stats().nodesFailed, 3);
    await until(() => mortal.recoveries.length === 3);
  }));

test("KNs fail while they are being added and removed", () =>
  withMortalStore({ nodes: 2 }, async (mortal) => {
    const { store, orders } = mortal;
    await mortal.change(200);
    for (const nodes of [4, 1, 3, 2]) {
      const scaled = store.scale(nodes);
      for (const agent of orders.agents.slice(0, 2)) orders.give(agent, Fault.THROW, 100);
      await mortal.change(400);
      await scaled;
      assert.is(store.nodes, nodes);
    }
    await mortal.change(200);
    mortal.check();
    assert.ok(mortal.failures.length > 0);
  }));

test("counters are incremented once each while the KNs that do it fail", () =>
  withMortalStore({ nodes: 2, help: true }, async (mortal) => {
    const { store, orders } = mortal;
    let sum = 0;
    for (let round = 0; round < 6; round++) {
      for (const agent of orders.agents) orders.give(agent, Fault.THROW, 50 + round * 37);
      const ends = Array.from({ length: 120 }, (_, i) => store.increment(`counter ${i % 3}`));
      await Promise.all(ends);
      sum += ends.length;
    }
    const counts = await store.getMany(["counter 0", "counter 1", "counter 2"]);
    assert.is(counts.reduce((a, b) => a! + b!, 0), sum);
  }));

test.run();
