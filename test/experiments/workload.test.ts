/**
 * What the experiments' clients do: keys as popular as Zipf says, as many clients as asked for, and
 * figures of what they have seen.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { limitOf } from "../../bench/experiments/experiments/steady.ts";
import { PARKED, type Process, Simulation } from "../../bench/experiments/kernel/simulation.ts";
import {
  noCounts,
  type Operation,
  type SystemUnderTest,
} from "../../bench/experiments/systems/system.ts";
import { ClosedLoop } from "../../bench/experiments/workload/closed_loop.ts";
import { LoadRecorder } from "../../bench/experiments/workload/load_recorder.ts";
import { MIXES, mixOf, OperationKind } from "../../bench/experiments/workload/mix.ts";
import { Zipf } from "../../bench/experiments/workload/zipf.ts";
import { createRandom } from "../../bench/workloads/random.ts";

const SEED = 11;
const DRAW_COUNT = 400_000;

test("ranks are drawn in proportion to 1 / rank^s", () => {
  for (const exponent of [0.5, 0.99, 2]) {
    const itemCount = 50;
    const zipf = new Zipf(itemCount, exponent);
    const random = createRandom(SEED);
    const counts = new Float64Array(itemCount);
    for (let i = 0; i < DRAW_COUNT; i++) counts[zipf.draw(random)] += 1;
    const weights = Array.from({ length: itemCount }, (_, rank) => (rank + 1) ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let chiSquare = 0;
    weights.forEach((weight, rank) => {
      const expected = weight / total * DRAW_COUNT;
      chiSquare += (counts[rank] - expected) ** 2 / expected;
    });
    // With 49 degrees of freedom: exceeded by chance once in a thousand seeds, and this one is
    // fixed.
    assert.ok(chiSquare < 85.4, `Zipf ${exponent}: chi-square ${chiSquare}`);
  }
});

/** A system that takes a microsecond, for any number at a time. */
class Echo implements SystemUnderTest {
  readonly counts = noCounts();
  readonly resources = [];
  readonly seen: Operation[] = [];
  insideCount = 0;
  insideCountMax = 0;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  *execute(operation: Operation): Process {
    this.seen.push({ ...operation });
    this.insideCountMax = Math.max(this.insideCountMax, ++this.insideCount);
    yield this.#simulation.nowUs + 1;
    this.insideCount -= 1;
  }

  resetCounts(): void {}
}

test("as many clients as asked for are at work, and what they do is the mix", () => {
  for (const mix of MIXES) {
    const simulation = new Simulation();
    const echo = new Echo(simulation);
    const recorder = new LoadRecorder(simulation, 100);
    const zipf = new Zipf(100, 0.99);
    const load = { mix, zipf, keyCount: 100, random: createRandom(SEED) };
    const loop = new ClosedLoop(simulation, echo, load, recorder);
    loop.setClientCount(8);
    simulation.run(999.5);
    assert.is(echo.insideCountMax, 8);
    assert.is(recorder.operations, 8 * 999);
    const writes = echo.seen.filter(({ kind }) => kind !== OperationKind.READ);
    assert.ok(Math.abs(writes.length / echo.seen.length - mix.writeShare) < 0.02, mix.id);
    const inserts = writes.filter(({ kind }) => kind === OperationKind.INSERT);
    assert.equal(inserts.map(({ key }) => key), inserts.map((_, i) => 100 + i));
    loop.setClientCount(2);
    simulation.run(1001);
    echo.insideCountMax = 0;
    simulation.run(1100);
    assert.is(echo.insideCountMax, 2);
    loop.setClientCount(9);
    simulation.run(1200);
    assert.is(echo.insideCountMax, 9);
  }
});

test("latencies, throughput and timeline are those of what has ended", () => {
  const simulation = new Simulation();
  const recorder = new LoadRecorder(simulation, 10);
  const operation = function* (latencyUs: number): Process {
    const beganUs = simulation.nowUs;
    yield beganUs + latencyUs;
    recorder.record(beganUs);
  };
  for (let i = 1; i <= 100; i++) simulation.start(operation(i));
  simulation.run(100);
  assert.is(recorder.operations, 100);
  assert.is(recorder.operationsPerSecond, 1e6);
  for (const [share, expected] of [[0.5, 50], [0.99, 99]] as const) {
    assert.ok(Math.abs(recorder.latencyUs(share) / expected - 1) < 0.03, `${share}`);
  }
  const timeline = recorder.timeline();
  assert.equal(timeline.map(({ operations }) => operations), [9, ...Array(9).fill(10)]);
  recorder.reset();
  assert.is(recorder.operations, 0);
});

test("threads limit only if nothing that they wait for is full", () => {
  const thread = { name: "thread", utilization: 1, isWaiting: true };
  assert.is(limitOf([{ name: "link", utilization: 0.5 }, thread]).name, "thread");
  assert.is(limitOf([{ name: "link", utilization: 0.98 }, thread]).name, "link");
  const idle = { name: "idle thread", utilization: 0.2, isWaiting: true };
  assert.is(limitOf([{ name: "link", utilization: 0.5 }, idle]).name, "link");
});

test("a parked client is woken once", () => {
  const simulation = new Simulation();
  let wokenCount = 0;
  const parked: Process[] = [];
  simulation.start((function* (): Process {
    parked.push(simulation.current);
    yield PARKED;
    wokenCount += 1;
  })());
  simulation.run(1);
  assert.is(wokenCount, 0);
  simulation.start(parked[0]);
  simulation.run(2);
  assert.is(wokenCount, 1);
  assert.is(mixOf("update-5").writeShare, 0.05);
});

test.run();
