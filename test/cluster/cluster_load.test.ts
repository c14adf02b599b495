/**
 * Nodes that share what there is to do: the one with most of it gives slots away until all have
 * about as much, and then nothing moves, in simulated time, over an engine in which nothing goes
 * wrong but what a test wants.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Command, decode, type Renew } from "../../lib/cluster/control/command.ts";
import type { Load } from "../../lib/cluster/control/command_rules.ts";
import { CONTROL_STREAM } from "../../lib/cluster/control/control_log.ts";
import { ControlState } from "../../lib/cluster/control/control_state.ts";
import type { ClusterClock } from "../../lib/cluster/node/cluster_clock.ts";
import { LoadMeter } from "../../lib/cluster/node/load_meter.ts";
import { BALANCE, planMoves, type SlotLoad } from "../../lib/cluster/node/load_plan.ts";
import { logStream } from "../../lib/cluster/node/log_streams.ts";
import { SlotMoves } from "../../lib/cluster/node/slot_moves.ts";
import { SlotSharing } from "../../lib/cluster/node/slot_sharing.ts";
import type { NodeId } from "../../lib/core/brands.ts";
import { assignSlots } from "../../lib/routing/virtual_node_ring.ts";
import { defineWorldTests } from "../support/cluster/check_runs.ts";
import { ask, getOf, ownerOf, putOf, slotOfKey } from "../support/cluster/cluster_requests.ts";
import { SimCluster } from "../support/cluster/sim_cluster.ts";
import { LOAD_WORLDS } from "../support/cluster/sim_worlds.ts";
import { Random, SEED, seeded } from "../support/random.ts";

const PERIOD_MS = 20;
/** Requests in each of these periods: 1,500 in a window. */
const REQUESTS = 40;
/**
 * By how much a node may be above the mean before it gives something away, and what chance adds.
 */
const ABOVE_MAX = 1 / (1 - BALANCE.gainMin) + 0.1;
/** In so many milliseconds everything has its place: four rounds, and half as much for chance. */
const SETTLING_MS = 16_000;
const STEP_MS = 2000;

/** Asks for keys, some of them more often than others. */
class SkewedLoad {
  readonly made: SimCluster;
  readonly random: Random;
  readonly keys: readonly string[];
  readonly #hot: readonly string[];
  readonly #hotShare: number;

  /** The hot keys are those for which `isHot` is true in the beginning. */
  constructor(
    made: SimCluster,
    isHot: (owner: number, key: number) => boolean,
    hotShare: number,
    random: Random,
  ) {
    this.made = made;
    this.random = random;
    this.keys = Array.from({ length: 400 }, (_, i) => `key ${i}`);
    this.#hot = this.keys.filter((key, i) => isHot(this.ownerOf(key), i));
    this.#hotShare = hotShare;
    assert.ok(this.#hot.length > 0);
  }

  ownerOf(key: string): number {
    return ownerOf(this.made.nodes.at(-1)!.node, key);
  }

  /** Asks for some time; returns what each node was asked for, as a share of the mean. */
  run(ms: number): Map<number, number> {
    const requests = new Map(this.keys.map((key) => [key, getOf(key)]));
    const asked = new Map<number, number>();
    for (let passedMs = 0; passedMs < ms; passedMs += PERIOD_MS) {
      for (let i = 0; i < REQUESTS; i++) {
        const isHot = this.random.next() < this.#hotShare;
        const key = this.random.pick(isHot ? this.#hot : this.keys);
        const owner = this.ownerOf(key);
        if (owner < 0) continue;
        ask(this.made.nodes[owner]!.node, requests.get(key)!, () => {});
        asked.set(owner, (asked.get(owner) ?? 0) + 1);
      }
      this.made.time.run(PERIOD_MS);
    }
    const sum = [...asked.values()].reduce((total, count) => total + count, 0);
    return new Map([...asked].map(([node, count]) => [node, count * asked.size / sum]));
  }
}

function cluster(nodeCount: number, isBalanced = true): SimCluster {
  const partsOf = () => (isBalanced ? { balance: BALANCE } : {});
  const rates = { monotonic: 1, epoch: 1 };
  const made = new SimCluster({ seed: 1, nodeCount, ratesOf: () => rates, partsOf });
  made.time.run(4000);
  return made;
}

const ownersOf = (made: SimCluster) =>
  Array.from({ length: 4096 }, (_, slot) => made.nodes.at(-1)!.node.routeOf(slot).owner);
const moved = (before: readonly number[], after: readonly number[]) =>
  before.flatMap((owner, slot) => (owner === after[slot] ? [] : [slot]));
const highest = (shares: ReadonlyMap<number, number>) => Math.max(...shares.values());

/**
 * Has a load shared, and checks that it stays so. By chance something may be given later, when a
 * node is nearly as far above the mean as it may be; no slot goes to and fro.
 */
function assertSettles(load: SkewedLoad, highestMax = ABOVE_MAX): void {
  const changes = new Map<number, number>();
  let owners = ownersOf(load.made);
  let shares: ReadonlyMap<number, number> = new Map();
  for (let passedMs = 0; passedMs < 2 * SETTLING_MS; passedMs += STEP_MS) {
    shares = load.run(STEP_MS);
    const now = ownersOf(load.made);
    for (const slot of moved(owners, now)) changes.set(slot, (changes.get(slot) ?? 0) + 1);
    owners = now;
  }
  assert.ok(highest(shares) < highestMax, `${[...shares]}`);
  const restless = [...changes].filter(([, count]) => count > 1);
  assert.equal(restless, [], "slots that moved more often than once");
}

test(
  "what one node had to do is shared by all, and then nothing moves",
  seeded((random) => {
    const made = cluster(3);
    const load = new SkewedLoad(made, (owner) => owner === 0, 0.7, random);
    const before = ownersOf(made);
    assert.ok(highest(load.run(1000)) > 1.8);
    assertSettles(load);
    const slots = moved(before, ownersOf(made));
    assert.ok(slots.length > 0 && slots.length <= 4 * BALANCE.movesMax, `${slots.length}`);
    assert.ok(slots.every((slot) => before[slot] === 0), "of others nothing has to move");
  }),
);

test(
  "without the option nothing moves",
  seeded((random) => {
    const made = cluster(3, false);
    const load = new SkewedLoad(made, (owner) => owner === 0, 0.7, random);
    const before = ownersOf(made);
    load.run(SETTLING_MS / 2);
    assert.equal(ownersOf(made), before);
  }),
);

test(
  "a slot that has more to do than a node should stays, and what is around it goes",
  seeded((random) => {
    const made = cluster(3);
    const load = new SkewedLoad(made, (_, key) => key === 7, 0.5, random);
    const slot = slotOfKey("key 7");
    const owner = ownersOf(made)[slot];
    assertSettles(load, 1.5 * ABOVE_MAX);
    assert.is(ownersOf(made)[slot], owner);
  }),
);

test(
  "when the node that has most to do is killed, the others share it",
  seeded((random) => {
    const made = cluster(4);
    const load = new SkewedLoad(made, (owner) => owner === 0, 0.7, random);
    // In the middle of it, or before.
    load.run(random.between(500, 6000));
    made.nodes[0]!.process.kill();
    made.nodes[0]!.node.stop();
    load.run(5000);
    assert.not.ok(ownersOf(made).includes(0));
    assertSettles(load);
  }),
);

test(
  "a node that joins gets its share, and nothing else moves but by load",
  seeded((random) => {
    const made = cluster(3);
    const load = new SkewedLoad(made, (owner) => owner === 0, 0.7, random);
    assertSettles(load);
    const before = ownersOf(made);
    made.startNode(3);
    const share = assignSlots([0, 1, 2, 3] as NodeId[]).filter((owner) => owner === 3).length;
    const given = () => ownersOf(made).filter((owner) => owner === 3).length;
    for (let ms = 0; ms < 20_000 && given() < share; ms += PERIOD_MS) made.time.run(PERIOD_MS);
    // All have given it its share, and nobody has measured anything since.
    made.time.run(300);
    const after = ownersOf(made);
    const slots = moved(before, after);
    assert.ok(slots.length > 500);
    assert.ok(slots.every((slot) => after[slot] === 3));
    load.run(SETTLING_MS / 2);
    assert.ok(highest(load.run(5000)) < ABOVE_MAX);
  }),
);

defineWorldTests(LOAD_WORLDS);

/** A load of a node with so many slots that have as much to do. */
const even = (count: number, perSecond: number, first = 0): SlotLoad[] =>
  Array.from({ length: count }, (_, i) => [first + i, perSecond]);
const plan = (loads: readonly number[], slots: readonly SlotLoad[], node = 0) =>
  planMoves(node, new Map(loads.entries()), slots, BALANCE);

test("a plan is made by the node with most to do, for those with least", () => {
  const moves = plan([100, 20, 60], even(10, 10));
  assert.equal(moves.map(([, to]) => to), [1, 1, 1, 1]);
  assert.equal(plan([100, 20, 60], even(6, 10), 2), []);
  assert.equal(plan([100, 100, 10], even(10, 10), 1), [], "of equal ones the first gives");
  assert.equal(plan([100], even(10, 10)), []);
});

test("a plan that gains little is not made", () => {
  assert.equal(plan([110, 90], even(110, 1)), []);
  assert.equal(plan([117, 83], even(117, 1)), []);
  assert.is(plan([130, 70], even(130, 1)).length, 30);
  // Whole slots only: none fits.
  assert.equal(plan([120, 60], even(3, 40)), []);
});

test("one slot with all there is to do stays where it is", () => {
  assert.equal(plan([100, 0], [[1, 100]]), []);
  assert.equal(plan([120, 10], [[1, 100], [2, 20]]), [[2, 1]]);
  assert.equal(plan([100, 0], [[1, 50], [2, 50]]), [[1, 1]]);
});

test("a plan has as many slots as may move at once, those with most to do", () => {
  const moves = plan([1100, 0], [...even(1000, 1), [2000, 100]]);
  assert.is(moves.length, BALANCE.movesMax);
  assert.equal(moves[0], [2000, 1]);
});

test("of two with about as much to do that with the smaller number is given", () => {
  assert.equal(plan([38, 0], [[1, 18], [2, 20]]), [[1, 1]]);
});

test("no plan is followed by one that takes back what it gave, whatever the loads are", () => {
  const random = new Random(SEED);
  for (let i = 0; i < 2000; i++) {
    const nodes = random.between(2, 6);
    const owned: SlotLoad[][] = Array.from(
      { length: nodes },
      (_, node) =>
        Array.from(
          { length: random.between(0, 30) },
          (_, slot) => [node * 100 + slot, Math.floor(1000 * random.next() ** 4)] as const,
        ),
    );
    const loadsOf = () => owned.map((slots) => slots.reduce((sum, [, load]) => sum + load, 0));
    const max = () => Math.max(...loadsOf());
    let rounds = 0;
    const given = new Set<number>();
    for (let isDone = false; !isDone;) {
      isDone = true;
      const before = max();
      for (let node = 0; node < nodes && isDone; node++) {
        for (const [slot, to] of plan(loadsOf(), owned[node]!, node)) {
          isDone = false;
          const at = owned[node]!.findIndex(([own]) => own === slot);
          owned[to]!.push(...owned[node]!.splice(at, 1));
          assert.not.ok(given.has(slot), `slot ${slot} moves twice, seed ${SEED}`);
          given.add(slot);
        }
      }
      assert.ok(max() <= before);
      assert.ok(++rounds <= nodes + 1, `${rounds} rounds, seed ${SEED}`);
    }
  }
});

test("a load is that of one map, and of late windows more than of early ones", () => {
  const meter = new LoadMeter(0);
  const count = (times: number) => {
    for (let i = 0; i < times; i++) meter.count(5);
  };
  count(100);
  meter.endWindow(1000, 7);
  assert.equal(meter.load, [0, 7, 0], "what was counted before is not of this map");
  count(100);
  meter.endWindow(2000, 7);
  assert.equal(meter.load, [100, 7, 1]);
  count(400);
  meter.endWindow(3000, 7);
  assert.ok(meter.load[0] > 250 && meter.load[0] < 400);
  assert.ok(Math.abs(meter.perSecond(5) - meter.load[0]) < 0.1);
  count(50);
  const [earlier] = meter.load;
  meter.endWindow(4000, 0);
  assert.equal(meter.load, [earlier, 0, 0], "slots are coming");
  assert.is(meter.requests, 0);
});

/** Node 0 of two, with everything to do; returns how many slots it gives away in some windows. */
function givenBy(loadOfOther: (map: number) => Load | undefined, windows: number): number {
  const state = new ControlState();
  const renew = (node: number, load?: Load) => ({
    kind: "renew" as const,
    node,
    holder: `${node}`,
    number: 1,
    follows: state.leaseOf(node)?.sequence ?? 0,
    ...(load && { load }),
  });
  state.apply(1, renew(0));
  state.apply(2, renew(1));
  const moves: [number, number][] = Array.from({ length: 4096 }, (_, slot) => [slot, 0]);
  const barriers = [[0, 0]] as const;
  const assign = { kind: "assign", node: 0, holder: "0", follows: 0, moves, barriers } as const;
  assert.ok(state.apply(3, { ...assign, fenced: [] }));
  let nowMs = 0;
  const own = new SlotMoves(0, state, () => 0);
  const sharing = new SlotSharing({
    node: 0,
    clock: { monotonicMs: () => nowMs } as ClusterClock,
    control: { state, stayingMembers: () => [0, 1] },
    moves: own,
    loader: { isReadAhead: true, readAhead: () => {} },
    balance: BALANCE,
  });
  // In the first window it finds that there is another map.
  for (let i = 0; i <= windows; i++) {
    for (let j = 0; j < 2000; j++) sharing.count(j % 64);
    nowMs += 1000;
    sharing.endWindow();
    state.apply(state.sequence + 1, renew(1, loadOfOther(state.mapSequence)));
    sharing.step();
  }
  return sharing.endWindow().offer?.moves.length ?? 0;
}

test("nothing is given before it was called for in some windows in a row", () => {
  const idle = (map: number): Load => [0, map, 1];
  assert.is(givenBy(idle, BALANCE.confirmations - 1), 0);
  assert.is(givenBy(idle, BALANCE.confirmations), 32);
});

test("a node says by which map it serves all of its slots, and that it is still reading", () => {
  const made = cluster(2);
  const commands = () => made.engine.messagesOf(CONTROL_STREAM).map(({ body }) => decode(body));
  const mapOf = (node: number) => {
    const own = (command: Command) => command.kind === "renew" && command.node === node;
    return (commands().findLast(own) as Renew).load![1];
  };
  const lastMap = () => 1 + commands().findLastIndex(({ kind }) => kind === "assign");
  const before = lastMap();
  assert.equal([mapOf(0), mapOf(1)], [before, before]);
  made.engine.slowMs.set(logStream(0), 3000);
  const key = Array.from({ length: 99 }, (_, i) => `key ${i}`)
    .find((one) => ownerOf(made.nodes[0]!.node, one) === 0)!;
  ask(made.nodes[0]!.node, putOf(key, new Uint8Array(1)), () => {});
  made.time.run(200);
  made.nodes[0]!.node.handOver([[slotOfKey(key), 1]]);
  made.time.run(2000);
  assert.ok(lastMap() > before);
  assert.equal([mapOf(0), mapOf(1)], [lastMap(), 0]);
  made.engine.slowMs.clear();
  made.time.run(6000);
  assert.equal([mapOf(0), mapOf(1)], [lastMap(), lastMap()]);
});

test("loads are compared if all nodes have measured them under the last map", () => {
  assert.is(givenBy(() => undefined, 10), 0);
  assert.is(givenBy((map) => [0, map - 1, 5], 10), 0);
  assert.is(givenBy((map) => [0, map, 0], 10), 0);
});

test.run();
