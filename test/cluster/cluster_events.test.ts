/**
 * What a store of a cluster tells of nodes and slots, from what it is told of owners and renewals:
 * by itself, and while nodes of a simulated cluster fail, leave and come back.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_VIEW, type OwnerView } from "../../lib/cluster/client/owner_view.ts";
import { ClusterEvents } from "../../lib/cluster/store/cluster_events.ts";
import type { NodeLoads } from "../../lib/core/cluster_figures.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import type { NodeRecovery, ScaleReport } from "../../lib/mnode/node_events.ts";
import type { SimServer } from "../support/cluster/sim_client.ts";
import { ALL_NEMESES, SimCluster, USUAL_FAULTS } from "../support/cluster/sim_cluster.ts";
import { SimWatcher } from "../support/cluster/sim_watcher.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

/** What is told, as text. */
function listen(): { readonly events: ClusterEvents; readonly take: () => string[] } {
  let told: string[] = [];
  const events = new ClusterEvents((type, detail) => {
    if (type === "slotsmoved") {
      const { from, to, slotsMoved, bytesMoved } = detail as ScaleReport;
      told.push(`${type} ${slotsMoved}, ${from} to ${to}, ${bytesMoved}`);
    } else if (type === "noderecovered") {
      const { node, replacement, durationMs } = detail as NodeRecovery;
      assert.ok(durationMs >= 0);
      told.push(`${type} ${node} by ${replacement}`);
    } else told.push(`${type} ${(detail as { node: number }).node}`);
  });
  const take = () => {
    const taken = told;
    told = [];
    return taken;
  };
  return { events, take };
}

/** Ten slots have these owners, by a command each; the rest has none. */
function viewOf(
  owners: readonly number[],
  assignedAt: number,
  members: readonly number[],
  failedAt: readonly (readonly [number, number])[] = [],
): OwnerView {
  const view = { ...NO_VIEW, owners: NO_VIEW.owners.slice() };
  owners.forEach((owner, slot) => view.owners[slot] = owner);
  return {
    ...view,
    assignedAt: view.assignedAt.slice().fill(assignedAt),
    addresses: new Map(members.map((node) => [node, `host:${node + 1}`])),
    failedAt: new Map(failedAt),
  };
}

const loadsOf = (maps: Readonly<Record<number, number>>): NodeLoads =>
  new Map(Object.entries(maps).map(([node, map]) => [Number(node), { perSecond: 1, map }]));

test("slots that nodes give to others are told, those of nothing or nobody are not", () => {
  const { events, take } = listen();
  events.take(viewOf([0, 0, 0, -1], 5, [0]));
  assert.equal(take(), [], "what was there in the beginning");
  events.take(viewOf([0, 0, 1, 1], 7, [0, 1]));
  assert.equal(take(), ["nodeadded 1", "slotsmoved 1, 1 to 2, 0"]);
  events.take(viewOf([0, 0, 1, 1], 7, [0, 1]));
  assert.equal(take(), []);
  events.take(viewOf([1, 1, 0, 1], 9, [0, 1]));
  assert.equal(take(), ["slotsmoved 3, 2 to 2, 0"]);
});

test("slots of a node that has failed have not been moved, and are served again", () => {
  const { events, take } = listen();
  events.take(viewOf([0, 0, 1, 2], 5, [0, 1, 2]));
  events.served(loadsOf({ 0: 5, 1: 5, 2: 5 }));
  events.take(viewOf([-1, -1, 1, 2], 8, [1, 2], [[0, 8]]));
  assert.equal(take(), []);
  events.served(loadsOf({ 1: 8, 2: 8 }));
  events.take(viewOf([1, 2, 1, 2], 9, [1, 2], [[0, 8]]));
  assert.equal(take(), ["nodefailed 0"]);
  events.served(loadsOf({ 1: 9, 2: 0 }));
  assert.equal(take(), [], "one of them is still reading");
  events.served(loadsOf({ 1: 9, 2: 9 }));
  assert.equal(take(), ["noderecovered 0 by 1"]);
  events.served(loadsOf({ 1: 9, 2: 9 }));
  assert.equal(take(), [], "it is told once");
});

test("it is told that a node has failed and that it has recovered, in whichever order both are heard", () => {
  const { events, take } = listen();
  events.take(viewOf([0, 1], 5, [0, 1]));
  events.served(loadsOf({ 1: 9 }));
  events.take(viewOf([1, 1], 9, [1], [[0, 8]]));
  assert.equal(take(), ["nodefailed 0", "noderecovered 0 by 1"]);
});

test("a node that fails while it reads what another one had is waited for no more", () => {
  const { events, take } = listen();
  events.take(viewOf([0, 1, 2], 5, [0, 1, 2]));
  events.take(viewOf([1, 1, 2], 9, [1, 2], [[0, 8]]));
  events.take(viewOf([2, 2, 2], 12, [2], [[0, 8], [1, 11]]));
  assert.equal(take(), ["nodefailed 0", "nodefailed 1"]);
  events.served(loadsOf({ 2: 9 }));
  assert.equal(take(), []);
  events.served(loadsOf({ 2: 12 }));
  assert.equal(take(), ["noderecovered 0 by 1", "noderecovered 1 by 2"]);
});

test("a node that fails again before it was told that it is served again is told twice", () => {
  const { events, take } = listen();
  events.take(viewOf([0, 0, 1], 5, [0, 1]));
  events.take(viewOf([1, 1, 1], 9, [1], [[0, 8]]));
  assert.equal(take(), ["nodefailed 0"]);
  events.take(viewOf([1, 0, 1], 12, [0, 1], [[0, 8]]));
  assert.equal(take(), ["nodeadded 0", "slotsmoved 1, 1 to 2, 0"]);
  events.take(viewOf([1, -1, 1], 14, [1], [[0, 14]]));
  events.served(loadsOf({ 1: 14 }));
  assert.equal(take(), [], "one of its slots has no owner");
  events.take(viewOf([1, 1, 1], 15, [1], [[0, 14]]));
  assert.equal(take(), ["nodefailed 0"]);
  events.served(loadsOf({ 1: 15 }));
  assert.equal(take(), ["noderecovered 0 by 1", "noderecovered 0 by 1"]);
});

test("a node that leaves when nobody can take its slots has left, and has not failed", () => {
  const made = new SimCluster({
    seed: 1,
    nodeCount: 1,
    partsOf: (node) => ({ address: `host:${node + 1}` }),
  });
  const watcher = new SimWatcher(made);
  made.time.run(2000);
  const [{ node }] = made.nodes as [SimServer];
  assert.is(node.servedSlotCount, SLOT_COUNT);
  node.leave();
  made.time.run(1000);
  assert.ok(node.hasLeft);
  assert.equal([...watcher.removed], [[0, 1]]);
  made.startNode(1);
  made.time.run(2000);
  assert.is(made.nodes[1]!.node.servedSlotCount, SLOT_COUNT);
  assert.equal([...watcher.removed], [[0, 1]]);
  assert.equal([...watcher.failed], []);
});

test("each failure is told, and that what failed is served again, whatever goes wrong", () => {
  let told = 0;
  forEachSeed(12, (seed) => {
    const made = new SimCluster({
      seed,
      faults: USUAL_FAULTS,
      nemeses: [...ALL_NEMESES, "kill"],
      clientCount: 1,
      keyCount: 1,
      partsOf: (node) => ({ address: `host:${node + 1}` }),
    });
    const { time, random } = made;
    const watchers = [new SimWatcher(made)];
    // Some come later, and stand still now and then.
    for (let i = 0; i < 2; i++) {
      time.after(random.between(0, 15_000), () => watchers.push(new SimWatcher(made)));
      for (let k = 0; k < 4; k++) {
        time.after(random.between(0, 25_000), () => {
          watchers[i + 1]?.process.suspend(random.between(50, 9000), false);
        });
      }
    }
    made.runAll();
    for (const { wrong, seen, failed, recovered } of watchers) {
      assert.equal(wrong, []);
      assert.equal([...failed].sort(), [...seen].sort(), "failures that were told");
      assert.equal([...recovered].sort(), [...seen].sort(), "failures of which the end was told");
      for (const count of seen.values()) told += count;
    }
  });
  assert.ok(told > 0);
});

test.run();
