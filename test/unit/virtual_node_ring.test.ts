/**
 * Which KN owns which slot: evenly, the same in every process, and with as few moves as possible.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../lib/core/limits.ts";
import { assignSlots } from "../../lib/routing/virtual_node_ring.ts";
import { seeded } from "../support/random.ts";

function idsUpTo(count: number): NodeId[] {
  return Array.from({ length: count }, (_, i) => i as NodeId);
}

/** Slots of each KN. */
function shares(owners: readonly NodeId[]): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

/** The slots whose owner differs. */
function moves(
  before: readonly NodeId[],
  after: readonly NodeId[],
): { from: NodeId; to: NodeId }[] {
  return before.flatMap((from, slot) => from === after[slot] ? [] : [{ from, to: after[slot]! }]);
}

test("every slot has an owner from the set", () => {
  for (const count of [1, 2, 3, 7, 64]) {
    const owners = assignSlots(idsUpTo(count));
    assert.is(owners.length, SLOT_COUNT);
    assert.ok(owners.every((owner) => Number.isInteger(owner) && owner >= 0 && owner < count));
    assert.is(shares(owners).size, count, "every KN owns something");
  }
});

test("one KN owns everything", () => {
  assert.equal([...new Set(assignSlots([5 as NodeId]))], [5]);
});

test("slots are shared evenly", () => {
  for (const count of [2, 3, 4, 8, 16, 32, 64]) {
    const mean = SLOT_COUNT / count;
    const counts = [...shares(assignSlots(idsUpTo(count))).values()];
    const bound = count <= 16 ? 0.2 : 0.45;
    assert.ok(Math.max(...counts) <= mean * (1 + bound), `${count} KNs: ${Math.max(...counts)}`);
    assert.ok(Math.min(...counts) >= mean * (1 - bound), `${count} KNs: ${Math.min(...counts)}`);
  }
});

test("a new KN takes its share from all others, and nothing else moves", () => {
  for (let count = 1; count < 20; count++) {
    const before = assignSlots(idsUpTo(count));
    const after = assignSlots(idsUpTo(count + 1));
    const moved = moves(before, after);
    assert.ok(moved.every(({ to }) => to === count), `only to the new KN of ${count + 1}`);
    const share = SLOT_COUNT / (count + 1);
    assert.ok(moved.length > share * 0.7 && moved.length < share * 1.3, `${moved.length} moved`);
    const givers = new Set(moved.map(({ from }) => from));
    assert.is(givers.size, count, "every old KN gives some");
  }
});

test("a KN that leaves gives away its slots only, and they come back when it does", () => {
  const all = idsUpTo(6);
  const before = assignSlots(all);
  for (const leaving of all) {
    const rest = all.filter((node) => node !== leaving);
    const without = assignSlots(rest);
    const moved = moves(before, without);
    assert.ok(moved.every(({ from }) => from === leaving));
    assert.is(moved.length, shares(before).get(leaving));
    assert.is(new Set(moved.map(({ to }) => to)).size, 5, "all others take some");
    assert.equal(assignSlots([...rest, leaving]), before);
  }
});

test(
  "the assignment depends on the set of KNs alone",
  seeded((random) => {
    for (let round = 0; round < 10; round++) {
      const ids = new Set<NodeId>();
      while (ids.size < 5) ids.add(random.below(1024) as NodeId);
      const nodes = [...ids];
      const owners = assignSlots(nodes);
      assert.equal(assignSlots(nodes.toReversed()), owners);
      assert.equal(assignSlots(nodes.toSorted((a, b) => a - b)), owners);
    }
  }),
);

test.run();
