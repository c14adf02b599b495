/**
 * Spinning and sleeping, with a clock of the test's own: nobody waits here.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  forgetSpinner,
  sleepUnless,
  Spinner,
  spinnerCount,
  wake,
} from "../../lib/node/idle_strategy.ts";
import { AGENT_SLEEPING, GATE_PROCESSOR_COUNT } from "../../lib/pool/control_layout.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { dieAtEveryMoment } from "../support/sim_death.ts";

/** A clock that advances by `stepMs` whenever somebody looks at it. */
class Clock {
  nowMs = 1000;
  stepMs = 0.01;
  lookCount = 0;
  readonly now = (): number => {
    this.lookCount += 1;
    return this.nowMs += this.stepMs;
  };
}

function poolWith(processorCount: number): Pool {
  const { pool } = new PoolFixture();
  pool.control[GATE_PROCESSOR_COUNT] = processorCount;
  return pool;
}

/** Ready after that many looks. */
function readyAfter(looks: number): { isReady: () => boolean; looks: () => number } {
  let count = 0;
  return { isReady: () => ++count > looks, looks: () => count };
}

const NEVER = () => false;
/** KNs of both words of the set. */
const AGENT = 3;
const OTHER_AGENT = 40;

test("what is ready is not spun for", () => {
  const clock = new Clock();
  const spinner = new Spinner(poolWith(8), AGENT, 100, clock.now);
  assert.is(spinner.spin(() => true), true);
  assert.is(clock.lookCount, 0);
});

test("with 0 microseconds nobody spins", () => {
  const clock = new Clock();
  const { isReady, looks } = readyAfter(1);
  assert.is(new Spinner(poolWith(8), AGENT, 0, clock.now).spin(isReady), false);
  assert.is(looks(), 1);
});

test("spinning finds what comes in time, and gives up when the time is up", () => {
  const clock = new Clock();
  const spinner = new Spinner(poolWith(8), AGENT, 100, clock.now);
  const { isReady } = readyAfter(200);
  assert.is(spinner.spin(isReady), true);
  const startMs = clock.nowMs;
  assert.is(spinner.spin(NEVER), false);
  const spentMs = clock.nowMs - startMs;
  assert.ok(spentMs >= 0.1 && spentMs < 0.2, `${spentMs} ms by its clock`);
});

/** Does something while another KN spins. */
function spinBeside(pool: Pool, body: () => void): void {
  let looks = 0;
  new Spinner(pool, OTHER_AGENT, 100, new Clock().now).spin(() => {
    if (++looks === 2) body();
    return looks > 2;
  });
}

test("a KN spins only if a processor is left for somebody else", () => {
  const pool = poolWith(2);
  const clock = new Clock();
  const spinner = new Spinner(pool, AGENT, 100, clock.now);
  const { isReady } = readyAfter(200);
  assert.is(spinner.spin(isReady), true, "alone it may");
  spinBeside(pool, () => {
    const other = readyAfter(200);
    assert.is(spinner.spin(other.isReady), false, "beside another spinner it may not");
    assert.ok(other.looks() <= 2);
    assert.is(spinnerCount(pool.control), 1, "and it is not counted");
  });
});

test("a KN leaves a processor to each client that has sent it something of late", () => {
  for (
    const [busy, mayHave] of [[0, true], [1, true], [3, true], [4, false], [9, false]] as const
  ) {
    const { isReady } = readyAfter(200);
    let askedMs = 0;
    const spinner = new Spinner(poolWith(4), AGENT, 100, new Clock().now, (nowMs) => {
      askedMs = nowMs;
      return busy;
    });
    assert.is(spinner.spin(isReady), mayHave, `${busy} clients`);
    assert.ok(askedMs > 1000, "by the spinner's clock");
  }
});

test("on a single processor neither KNs nor clients spin", () => {
  for (const role of [AGENT, "client"] as const) {
    const { isReady, looks } = readyAfter(10);
    assert.is(new Spinner(poolWith(1), role, 100, new Clock().now).spin(isReady), false, `${role}`);
    assert.ok(looks() <= 2, `${role}`);
  }
});

test("KNs that spin are counted, clients are not", () => {
  for (const [role, expected] of [[AGENT, 1], [OTHER_AGENT, 1], ["client", 0]] as const) {
    const pool = poolWith(8);
    let seen = -1;
    let looks = 0;
    new Spinner(pool, role, 100, new Clock().now).spin(() => {
      seen = spinnerCount(pool.control);
      return ++looks > 100;
    });
    assert.is(seen, expected, `${role}`);
    assert.is(spinnerCount(pool.control), 0, `${role}: counted out again`);
  }
});

test("many spinners never take the last processor", () => {
  const pool = poolWith(4);
  let most = 0;
  const spinNested = (depth: number): void => {
    most = Math.max(most, spinnerCount(pool.control));
    if (depth === 0) return;
    let looks = 0;
    new Spinner(pool, AGENT + 5 * depth, 100, new Clock().now).spin(() => {
      if (++looks === 2) spinNested(depth - 1);
      return looks > 100;
    });
  };
  spinNested(10);
  assert.is(most, 3);
  assert.is(spinnerCount(pool.control), 0);
});

test("a KN that has died while it spun is forgotten, and nobody else is", () => {
  const pool = poolWith(2);
  const dead = new Spinner(pool, AGENT, 100, new Clock().now);
  const deaths = dieAtEveryMoment((die) => {
    die(() => dead.spin(readyAfter(200).isReady));
    spinBeside(pool, () => {
      forgetSpinner(pool, AGENT);
      assert.is(spinnerCount(pool.control), 1, "the one that spins");
    });
    assert.is(dead.spin(readyAfter(200).isReady), true, "a processor is left again");
    assert.is(spinnerCount(pool.control), 0);
  });
  assert.ok(deaths > 4, `${deaths} deaths`);
});

/** Whether a spinner does without spinning at the moment. */
function isOff(spinner: Spinner, clock: Clock): boolean {
  const before = clock.lookCount;
  spinner.spin(NEVER);
  return clock.lookCount - before <= 1;
}

/** Lets a spinner be descheduled until it gives up; returns for how long it does. */
function exhaust(spinner: Spinner, clock: Clock): number {
  clock.stepMs = 5;
  let preemptions = 0;
  while (!isOff(spinner, clock)) assert.ok(++preemptions <= 10, "it goes on and on");
  clock.stepMs = 0.001;
  const startMs = clock.nowMs;
  while (isOff(spinner, clock)) {
    clock.nowMs += 1;
    assert.ok(clock.nowMs - startMs < 1000, "not for ever");
  }
  return clock.nowMs - startMs;
}

test("a spinner that is descheduled again and again gives up for a while, longer each time", () => {
  const clock = new Clock();
  const spinner = new Spinner(poolWith(8), AGENT, 100, clock.now);
  const offMs = [1, 2, 3, 4].map(() => exhaust(spinner, clock));
  assert.ok(offMs[0]! >= 1, `${offMs}`);
  for (let i = 1; i < offMs.length; i++) assert.ok(offMs[i]! >= offMs[i - 1]!, `${offMs}`);
  assert.ok(offMs.at(-1)! > 2 * offMs[0]!, `${offMs}`);
});

test("a success makes it forget that", () => {
  const clock = new Clock();
  const spinner = new Spinner(poolWith(8), AGENT, 100, clock.now);
  const first = exhaust(spinner, clock);
  exhaust(spinner, clock);
  const longest = exhaust(spinner, clock);
  assert.is(spinner.spin(readyAfter(50).isReady), true);
  const again = exhaust(spinner, clock);
  assert.ok(again < longest && again < first + 2, `${first}, ${longest}, then ${again}`);
});

test("after short sleeps a thread spins longer, after a long one as long as before", () => {
  const clock = new Clock();
  const spinner = new Spinner(poolWith(8), AGENT, 100, clock.now);
  const spinMs = () => {
    const startMs = clock.nowMs;
    spinner.spin(NEVER);
    return clock.nowMs - startMs;
  };
  const shortest = spinMs();
  let longest = shortest;
  for (let i = 0; i < 20; i++) {
    spinner.learn(0.1);
    const spentMs = spinMs();
    assert.ok(spentMs >= longest - 0.02, `${spentMs} after ${longest}`);
    longest = spentMs;
  }
  assert.ok(longest > 2 * shortest && longest < 20 * shortest, `${shortest} to ${longest}`);
  spinner.learn(50);
  assert.ok(spinMs() < 1.5 * shortest);
});

test("a thread sleeps only if there is no work", () => {
  const { pool } = new PoolFixture();
  const agentAt = pool.agentAt(0);
  const word = agentAt + AGENT_SLEEPING;
  assert.is(sleepUnless(pool.control, agentAt, () => true, 60_000), false, "there is work");
  assert.is(pool.control[word], 0);
  let sleptWith = -1;
  const slept = sleepUnless(pool.control, agentAt, () => {
    sleptWith = pool.control[word]!;
    return false;
  }, 1);
  assert.is(slept, true);
  assert.is(sleptWith, 1, "it said so before it looked for work");
  assert.is(pool.control[word], 0);
});

test("work that arrives between the look and the sleep wakes", () => {
  const { pool } = new PoolFixture();
  const agentAt = pool.agentAt(0);
  // Were the wake-up lost this would take a minute, and the runner would end it.
  const slept = sleepUnless(pool.control, agentAt, () => {
    wake(pool.control, agentAt);
    return false;
  }, 60_000);
  assert.is(slept, true);
  assert.is(pool.control[agentAt + AGENT_SLEEPING], 0);
});

test("nobody is woken who does not sleep", () => {
  const { pool } = new PoolFixture();
  wake(pool.control, pool.agentAt(3));
  assert.is(pool.control[pool.agentAt(3) + AGENT_SLEEPING], 0);
});

test.run();
