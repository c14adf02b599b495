/**
 * What simulations of clusters are made of: processes that stand still, and connections that are
 * held.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SimProcess, SimTime } from "../support/cluster/sim_processes.ts";
import { SimWire } from "../support/cluster/sim_wires.ts";
import { Random } from "../support/random.ts";

const PLACES = ["a", "b"];
const COUNT = 4;

/** What has waited in a process, in the order in which it happens, and whether in one turn. */
async function resume(seed: number): Promise<{ order: string[]; isOneTurn: boolean; ms: number }> {
  const time = new SimTime();
  const process = new SimProcess(time, undefined, new Random(seed));
  const froms = PLACES.map(() => ({}));
  const order: string[] = [];
  let turns = 0;
  let lastMs = 0;
  const happens = (what: string) => {
    order.push(what);
    lastMs = time.nowMs;
    queueMicrotask(() => turns += +(order.at(-1) === what));
  };
  process.suspend(100, false);
  process.after(50, () => happens("timer"));
  for (let i = 0; i < COUNT; i++) {
    PLACES.forEach((place, p) => {
      time.after(10 + i, () => process.deliver(() => happens(`${place}${i}`), froms[p]));
    });
  }
  // Comes when it goes on, behind what has waited.
  time.after(101, () => process.deliver(() => happens(`a${COUNT}`), froms[0]));
  while (time.step()) await Promise.resolve();
  return { order, isOneTurn: turns < order.length, ms: lastMs - 101 };
}

test("what has waited in a process happens in any order, that of one place in its own", async () => {
  const orders = new Set<string>();
  const kinds = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { order, isOneTurn, ms } = await resume(seed);
    assert.is(order.length, 2 * COUNT + 2, "each of them once");
    for (const place of PLACES) {
      const own = order.filter((what) => what.startsWith(place));
      assert.equal(own, own.toSorted(), order.join());
    }
    orders.add(order.join());
    kinds.add(isOneTurn ? "in one turn" : ms > 0 ? "slowly" : "in turns");
  }
  assert.ok(orders.size > 10, `${orders.size} orders`);
  assert.equal([...kinds].sort(), ["in one turn", "in turns", "slowly"]);
});

test("a process that stands still again goes on where it was", async () => {
  for (let seed = 0; seed < 30; seed++) {
    const time = new SimTime();
    const process = new SimProcess(time, undefined, new Random(seed));
    const happened: number[] = [];
    process.suspend(10, false);
    for (let i = 0; i < 20; i++) process.deliver(() => happened.push(i));
    time.after(10, () => process.suspend(50, false));
    time.after(40, () => assert.ok(process.isSuspended));
    while (time.step()) await Promise.resolve();
    assert.equal(happened, Array.from({ length: 20 }, (_, i) => i));
  }
});

test("what is on its way in a connection is not overtaken, however long it is held", () => {
  const time = new SimTime();
  const [thread, node] = [new SimProcess(time), new SimProcess(time)];
  const taken: number[] = [];
  const wire = new SimWire(time, () => 1, thread, node, () => {
    wire.node.on("data", (bytes: Uint8Array) => taken.push(bytes[0]!));
  });
  time.run(10);
  wire.heldUntilMs = 500;
  wire.thread.write(new Uint8Array([1]));
  time.run(10);
  // It is held for a shorter time from now on.
  wire.heldUntilMs = 50;
  wire.thread.write(new Uint8Array([2]));
  time.run(1000);
  assert.equal(taken, [1, 2]);
});

test.run();
