/**
 * Dinomo in virtual time: round trips of cached and uncached reads, groups of writes, and KNs that
 * come, go and die without an operation being lost. That reads find their keys' values is checked
 * by whoever takes the answers (bench/experiments/systems/dinomo/request_sender.ts).
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Process, Simulation } from "../../bench/experiments/kernel/simulation.ts";
import { COSTS } from "../../bench/experiments/model/costs.ts";
import { Fabric } from "../../bench/experiments/model/fabric.ts";
import { CellLocks } from "../../bench/experiments/systems/dinomo/cell_locks.ts";
import { Dinomo, type DinomoOptions } from "../../bench/experiments/systems/dinomo/dinomo.ts";
import { DinomoPools } from "../../bench/experiments/systems/dinomo/dinomo_pools.ts";
import { DinomoN } from "../../bench/experiments/systems/dinomo/dinomo_n.ts";
import type { ElasticSystem } from "../../bench/experiments/systems/system.ts";
import { ClosedLoop } from "../../bench/experiments/workload/closed_loop.ts";
import { LoadRecorder } from "../../bench/experiments/workload/load_recorder.ts";
import { mixOf, OperationKind } from "../../bench/experiments/workload/mix.ts";
import { Zipf } from "../../bench/experiments/workload/zipf.ts";
import { createRandom } from "../../bench/workloads/random.ts";
import { SEED } from "../support/random.ts";

const { READ, UPDATE, INSERT } = OperationKind;
const KEY_COUNT = 1000;
const VALUE_BYTES = 1024;

const OPTIONS: DinomoOptions = {
  nodeCount: 1,
  keyCount: KEY_COUNT,
  valueBytes: VALUE_BYTES,
  writeCountMax: 50_000,
  cache: { policy: "values", budgetBytes: 0 },
};

/** A system, and how many operations have ended. */
class World {
  readonly simulation = new Simulation();
  readonly fabric = new Fabric(this.simulation);
  readonly system: Dinomo;
  endedCount = 0;

  constructor(options: Partial<DinomoOptions>, dataBytes?: number) {
    const all = { ...OPTIONS, ...options };
    this.system = dataBytes === undefined
      ? new Dinomo(this.simulation, this.fabric, all)
      : new DinomoN(this.simulation, this.fabric, all, dataBytes);
  }

  /** Has operations executed, all at the same time; returns their round trips. */
  roundTrips(kind: OperationKind, keys: readonly number[]): number {
    const before = this.system.counts.roundTrips;
    for (const key of keys) this.start(kind, key);
    this.simulation.run(this.simulation.nowUs + 10_000);
    return this.system.counts.roundTrips - before;
  }

  start(kind: OperationKind, key: number): void {
    const execute = function* (this: World): Process {
      yield* this.system.execute({ kind, key });
      this.endedCount += 1;
    };
    this.simulation.start(execute.call(this));
  }

  /** How long something takes that begins now, in microseconds. */
  duration(change: (system: ElasticSystem) => Process): number {
    const beganUs = this.simulation.nowUs;
    let endedUs = NaN;
    const timed = function* (this: World): Process {
      yield* change(this.system);
      endedUs = this.simulation.nowUs;
    };
    this.simulation.start(timed.call(this));
    this.simulation.run(beganUs + 1e6);
    return endedUs - beganUs;
  }
}

test("a cached value takes no round trip, a cached shortcut one, a miss two", () => {
  for (const [policy, first, second] of [["values", 2, 0], ["shortcuts", 2, 1]] as const) {
    const world = new World({ cache: { policy, budgetBytes: 1 << 20 } });
    // What was loaded is cached already, until it is forgotten for newer keys.
    const misses = new World({ cache: { policy, budgetBytes: 0 } });
    assert.is(misses.roundTrips(READ, [1]), first, policy);
    world.roundTrips(READ, [KEY_COUNT - 1]);
    assert.is(world.roundTrips(READ, [KEY_COUNT - 1]), second, policy);
  }
});

test("what one step writes is logged by one round trip, and found without one until it is merged", () => {
  const world = new World({});
  const before = world.system.counts.operations;
  for (let i = 0; i < 8; i++) world.start(UPDATE, 5);
  world.simulation.run(world.simulation.nowUs + 3);
  world.start(READ, 5);
  world.simulation.run(world.simulation.nowUs + 10_000);
  assert.is(world.system.counts.operations - before, 9);
  assert.ok(world.system.counts.roundTrips <= 4, `${world.system.counts.roundTrips} round trips`);
  assert.is(world.roundTrips(READ, [5]), 2);
});

test("inserted keys are there", () => {
  const world = new World({ nodeCount: 3 });
  const keys = Array.from({ length: 100 }, (_, i) => KEY_COUNT + i);
  world.roundTrips(INSERT, keys);
  world.roundTrips(READ, keys);
  assert.is(world.endedCount, 200);
});

test("several pools share links and DPM processors, and nothing is lost or done twice", () => {
  const simulation = new Simulation();
  const options = { ...OPTIONS, nodeCount: 3 };
  const system = new DinomoPools(simulation, new Fabric(simulation), options, 2);
  let endedCount = 0;
  const execute = function* (kind: OperationKind, key: number): Process {
    yield* system.execute({ kind, key });
    endedCount += 1;
  };
  for (let key = 0; key < KEY_COUNT; key++) simulation.start(execute(UPDATE, key));
  simulation.run(10_000);
  for (let key = 0; key < KEY_COUNT; key++) simulation.start(execute(READ, key));
  simulation.run(20_000);
  assert.is(endedCount, 2 * KEY_COUNT);
  assert.is(system.counts.operations, 2 * KEY_COUNT);
  assert.is(system.counts.reads, KEY_COUNT);
  assert.ok(system.counts.roundTrips >= 2 * KEY_COUNT, "no read is a hit, and each takes two");
  const utilizations = (name: string) =>
    system.resources.filter((resource) => resource.name === name).map(({ utilization }) =>
      utilization
    );
  for (const common of ["DPM link, outgoing", "DPM processors"]) {
    const [first, second] = utilizations(common);
    assert.ok(first! > 0);
    assert.is(second, first, `both pools use the same ${common}`);
  }
  const nodes = utilizations("KN threads");
  assert.is(nodes.length, 2);
  assert.ok(nodes.every((utilization) => utilization > 0), "both pools have keys");
  system.resetCounts();
  assert.is(system.counts.operations, 0);
});

test("KNs come and go under load, and everything that was asked for is answered", () => {
  for (const dataBytes of [undefined, 1 << 24]) {
    const world = new World(
      { nodeCount: 2, cache: { policy: "dac", budgetBytes: 1 << 17 } },
      dataBytes,
    );
    const { simulation, system } = world;
    const recorder = new LoadRecorder(simulation, 1000);
    const zipf = new Zipf(KEY_COUNT, 0.99);
    const mix = mixOf("update-50");
    const load = { mix, zipf, keyCount: KEY_COUNT, random: createRandom(SEED) };
    const loop = new ClosedLoop(simulation, system, load, recorder);
    loop.setClientCount(20);
    const changes = (function* (): Process {
      yield 1000;
      yield* system.addNodes(2);
      assert.is(system.nodeUtilizations.length, 4);
      yield* system.removeNodes(1);
      yield* system.failNode(500);
      assert.is(system.nodeUtilizations.length, 2);
      yield simulation.nowUs + 1000;
      loop.setClientCount(0);
    })();
    simulation.start(changes);
    simulation.run(60_000);
    assert.ok(recorder.operations > 1000, `${recorder.operations} operations`);
    const { operations } = recorder;
    simulation.run(100_000);
    assert.is(recorder.operations, operations, "nobody goes on");
    // All clients rest, so all of them have got their answers; they can go on.
    loop.setClientCount(20);
    simulation.run(110_000);
    loop.setClientCount(0);
    simulation.run(120_000);
    assert.ok(recorder.operations > operations);
  }
});

test("Dinomo moves slots in the time of its words, Dinomo-N in that of their data", () => {
  const addOne = (system: ElasticSystem) => system.addNodes(1);
  const dinomoUs = new World({ nodeCount: 1 }).duration(addOne);
  // About half of the slots, two words each.
  assert.ok(dinomoUs > 1500 * 2 * COSTS.roundTripUs.value, `${dinomoUs} us`);
  assert.ok(dinomoUs < 2600 * 2 * COSTS.roundTripUs.value, `${dinomoUs} us`);
  const dataBytes = 2 ** 28;
  const copiedUs = new World({ nodeCount: 1 }, dataBytes).duration(addOne) - dinomoUs;
  const wireUs = dataBytes * 0.45 / COSTS.linkBytesPerUs.value;
  assert.ok(copiedUs > wireUs, `${copiedUs} us to copy what takes ${wireUs} us on the wire`);
});

test("a full backlog stops writes until DPM processors have merged some of it", () => {
  const world = new World({ keyCount: 100, writeCountMax: 1000 });
  const keys = Array.from({ length: 20_000 }, (_, i) => i % 100);
  const beganUs = world.simulation.nowUs;
  for (const key of keys) world.start(UPDATE, key);
  world.simulation.run(beganUs + 100);
  assert.ok(world.endedCount < keys.length);
  world.simulation.run(beganUs + 1e6);
  assert.is(world.endedCount, keys.length);
});

test("a hot key is shared by all KNs, and more operations end in the same time", () => {
  const run = (sharing: DinomoOptions["sharing"]) => {
    const world = new World({
      nodeCount: 4,
      cache: { policy: "dac", budgetBytes: 1 << 20 },
      ...(sharing === undefined ? {} : { sharing }),
    });
    const { simulation, system } = world;
    const recorder = new LoadRecorder(simulation, 1000);
    const load = {
      mix: mixOf("update-5"),
      zipf: new Zipf(KEY_COUNT, 2),
      keyCount: KEY_COUNT,
      random: createRandom(SEED),
    };
    new ClosedLoop(simulation, system, load, recorder).setClientCount(200);
    simulation.run(10_000);
    return { owners: [...system.keyOwners], operations: recorder.operations };
  };
  const alone = run(undefined);
  const shared = run({ windowUs: 500, meanMicrosMax: 10 });
  assert.equal(alone.owners, []);
  assert.equal(shared.owners, [[0, 4]], "the most popular key is number 0");
  assert.ok(shared.operations > alone.operations, `${shared.operations} of ${alone.operations}`);
});

test("a cell is held by one at a time", () => {
  const cells = new CellLocks();
  assert.is(cells.tryTake(1), true);
  assert.is(cells.tryTake(1), false);
  assert.is(cells.tryTake(2), true);
  cells.give(1);
  assert.is(cells.tryTake(1), true);
});

test.run();
