/**
 * The simulation of the experiments against queueing theory: queues whose mean wait is known by a
 * formula wait as long in virtual time.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EventHeap } from "../../bench/experiments/kernel/event_heap.ts";
import { Fifo } from "../../bench/experiments/kernel/fifo.ts";
import { type Process, Simulation } from "../../bench/experiments/kernel/simulation.ts";
import { Station } from "../../bench/experiments/kernel/station.ts";
import { Workers } from "../../bench/experiments/kernel/workers.ts";
import { createRandom, type Random } from "../../bench/workloads/random.ts";

/**
 * Fixed: with so many customers the mean of a run is within 5 % of the formula for nearly every
 * seed, but not for every one.
 */
const SEED = 20_220_905;
const CUSTOMER_COUNT = 200_000;
const TOLERANCE = 0.05;

/** Time until the next of events that come at random, `rate` of them in a microsecond. */
function exponential(random: Random, rate: number): number {
  return -Math.log(1 - random()) / rate;
}

/** Lets customers arrive at random, each of which is a process. */
function* arrivals(
  simulation: Simulation,
  random: Random,
  rate: number,
  one: () => Process,
): Process {
  for (let i = 0; i < CUSTOMER_COUNT; i++) {
    yield simulation.nowUs + exponential(random, rate);
    simulation.start(one());
  }
}

function assertNear(found: number, expected: number, what: string): void {
  assert.ok(Math.abs(found / expected - 1) < TOLERANCE, `${what}: ${found} instead of ${expected}`);
}

/** The mean wait at a station, with arrivals at random. */
function meanWait(servers: number, rate: number, serviceUs: (random: Random) => number): number {
  const simulation = new Simulation();
  const random = createRandom(SEED);
  const station = new Station(simulation, "queue", servers);
  simulation.start(arrivals(simulation, random, rate, function* () {
    yield station.serve(serviceUs(random));
  }));
  simulation.run(Infinity);
  assert.is(station.servedCount, CUSTOMER_COUNT);
  return station.meanWaitUs;
}

/** Erlang's C: the share of customers that have to wait for one of `servers`. */
function erlangC(servers: number, load: number): number {
  let term = 1;
  let sum = 0;
  for (let k = 0; k < servers; k++) {
    sum += term;
    term *= load / (k + 1);
  }
  const full = term * servers / (servers - load);
  return full / (sum + full);
}

test("M/M/1 waits for load / (rate of service - rate of arrival)", () => {
  for (const load of [0.3, 0.7, 0.85]) {
    const wait = meanWait(1, load, (random) => exponential(random, 1));
    assertNear(wait, load / (1 - load), `load ${load}`);
  }
});

test("M/D/1 waits half as long", () => {
  for (const load of [0.3, 0.7, 0.85]) {
    assertNear(meanWait(1, load, () => 1), load / (1 - load) / 2, `load ${load}`);
  }
});

test("M/M/c waits as Erlang says, at a station and for workers", () => {
  const servers = 8;
  const load = 6.4;
  const expected = erlangC(servers, load) / (servers - load);
  assertNear(meanWait(servers, load, (random) => exponential(random, 1)), expected, "station");

  const simulation = new Simulation();
  const random = createRandom(SEED);
  const workers = new Workers(simulation, "workers", servers);
  let waitedUs = 0;
  simulation.start(arrivals(simulation, random, load, function* () {
    const cameUs = simulation.nowUs;
    yield* workers.take();
    waitedUs += simulation.nowUs - cameUs;
    yield simulation.nowUs + exponential(random, 1);
    workers.give();
  }));
  simulation.run(Infinity);
  assertNear(waitedUs / CUSTOMER_COUNT, expected, "workers");
  assertNear(workers.utilization, load / servers, "utilization");
  assert.is(workers.waitingCount, 0);
});

test("a closed loop obeys Little's law, and nobody is lost", () => {
  const simulation = new Simulation();
  const random = createRandom(SEED);
  const station = new Station(simulation, "queue", 2);
  const thinkUs = 5;
  const clientCount = 12;
  let endedCount = 0;
  let sojournUs = 0;
  const client = function* (): Process {
    for (;;) {
      const cameUs = simulation.nowUs;
      yield station.serve(exponential(random, 1));
      sojournUs += simulation.nowUs - cameUs;
      endedCount += 1;
      yield simulation.nowUs + thinkUs;
    }
  };
  for (let i = 0; i < clientCount; i++) simulation.start(client());
  const endUs = 100_000;
  simulation.run(endUs);
  assertNear(endedCount / endUs * (sojournUs / endedCount + thinkUs), clientCount, "clients");
  const inside = station.servedCount - endedCount;
  assert.ok(inside >= 0 && inside <= clientCount, `${inside} customers are inside`);
});

test("the first byte of a message occupies a port while the last one is on its way", () => {
  const simulation = new Simulation();
  const near = new Station(simulation, "near", 1);
  const far = new Station(simulation, "far", 1);
  const arrivalsUs: number[] = [];
  for (let i = 0; i < 3; i++) {
    simulation.start((function* () {
      yield near.serve(10);
      yield far.follow(10);
      arrivalsUs.push(simulation.nowUs);
    })());
  }
  simulation.run(Infinity);
  assert.equal(arrivalsUs, [10, 20, 30]);
});

test("what waits for the same moment goes on in the order in which it began to wait", () => {
  const random = createRandom(SEED);
  const heap = new EventHeap();
  const expected: { timeUs: number; sequence: number; process: Process }[] = [];
  for (let sequence = 0; sequence < 5000; sequence++) {
    const process = (function* (): Process {})();
    const timeUs = Math.floor(random() * 100);
    heap.add(timeUs, process);
    expected.push({ timeUs, sequence, process });
    if (random() < 0.4) {
      expected.sort((a, b) => a.timeUs - b.timeUs || a.sequence - b.sequence);
      assert.is(heap.nextUs, expected[0].timeUs);
      assert.is(heap.take(), expected.shift()!.process);
    }
  }
  expected.sort((a, b) => a.timeUs - b.timeUs || a.sequence - b.sequence);
  for (const { process } of expected) assert.is(heap.take(), process);
  assert.is(heap.nextUs, Infinity);
});

test("time does not run backwards", () => {
  const simulation = new Simulation();
  simulation.run(10);
  assert.is(simulation.nowUs, 10);
  const idle = (function* (): Process {})();
  assert.throws(() => simulation.start(idle, 9), /from 10 us on, got 9/);
  assert.throws(() => simulation.start(idle, NaN), /from 10 us on, got NaN/);
  simulation.start((function* (): Process {
    yield 11;
    yield 10.5;
  })());
  assert.throws(() => simulation.run(20), /from 11 us on, got 10.5/);
});

test("a queue gives back everything in order, also after it has moved to the front", () => {
  const fifo = new Fifo<number>();
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 100; i++) fifo.push(next++);
    for (let i = 0; i < 90; i++) assert.is(fifo.shift(), expected++);
    assert.is(fifo.size, next - expected);
  }
  while (fifo.size > 0) assert.is(fifo.shift(), expected++);
  assert.is(expected, next);
  assert.is(fifo.shift(), undefined);
});

test.run();
