/**
 * The gate: a pause that begins at any access of an agent that begins a step. Either the agent does
 * not begin it, or whoever pauses waits for its end. And pauses of those who die, stall, or are
 * taken for dead.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  AGENT_DPM,
  AGENT_GATE_STATE,
  AGENT_HOST,
  GATE_PAUSED,
} from "../../lib/pool/control_layout.ts";
import {
  breakPause,
  Gate,
  PauseLostError,
  PauseTimeoutError,
  PauseWatch,
  whilePaused,
} from "../../lib/pool/gate.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { dieAtEveryMoment } from "../support/sim_death.ts";
import { interruptAt } from "../support/sim_duel.ts";

const AGENT = 3;
const ACCESSES_MAX = 50;

test("no step begins in a pause that has not waited for it", () => {
  const seen = { refused: 0, waitedFor: 0, before: 0 };
  for (let at = 0, isOver = false; !isOver; at++) {
    assert.ok(at < ACCESSES_MAX, "entering ends");
    const { pool } = new PoolFixture();
    const { control } = pool;
    const gate = new Gate(pool, AGENT);
    let isEstablished = false;
    let hasEntered = false;
    const pause = () => {
      const isBusy = control[pool.agentAt(AGENT) + AGENT_GATE_STATE] !== 0;
      // It would wait for the agent, which goes on only when this returns.
      if (!isBusy) whilePaused(pool, AGENT_HOST, () => isEstablished = true);
      // The pause lasts.
      control[GATE_PAUSED] = 1;
    };
    isOver = !interruptAt(at, () => hasEntered = gate.enter(), pause);
    if (isOver) {
      assert.is(hasEntered, true, "nobody has paused it");
      seen.before += 1;
    } else if (isEstablished) {
      assert.is(hasEntered, false, `entered a pause that began at access ${at}`);
      seen.refused += 1;
    } else seen.waitedFor += 1;
  }
  assert.ok(seen.refused > 0 && seen.waitedFor > 0 && seen.before === 1, JSON.stringify(seen));
});

test("a step that has ended does not hold a pause up, nor does one that was refused", () => {
  const { pool } = new PoolFixture();
  const gate = new Gate(pool, AGENT);
  assert.is(gate.enter(), true);
  gate.leave();
  assert.is(whilePaused(pool, AGENT_HOST, () => gate.enter()), false);
  assert.is(whilePaused(pool, AGENT_HOST, () => 7), 7);
  assert.is(gate.enter(), true);
  gate.leave();
});

const OTHER_AGENT = 4;
const WAIT_MS_MAX = 1000;

/** A clock that advances by some microseconds whenever somebody looks at it. */
function clock(): () => number {
  let nowMs = 0;
  return () => nowMs += 0.05;
}

/** Whether an agent can make a step. */
function canStep(gate: Gate): boolean {
  const isOpen = gate.enter();
  if (isOpen) gate.leave();
  return isOpen;
}

test("an agent that stalls in a step fails a pause, and meanwhile the others go on again and again", () => {
  const { pool } = new PoolFixture();
  const [stalled, other] = [new Gate(pool, AGENT), new Gate(pool, OTHER_AGENT)];
  assert.is(stalled.enter(), true);
  const now = clock();
  let lastMs = now();
  let longestMs = 0;
  let stepCount = 0;
  const onWait = () => {
    // It also waits while it has the pool paused, in naps.
    if (pool.control[GATE_PAUSED] !== 0) return;
    longestMs = Math.max(longestMs, now() - lastMs);
    assert.is(canStep(other), true, "everybody goes on");
    stepCount += 1;
    lastMs = now();
  };
  withAtomicHooks({ onAccess: () => {}, onWait }, () => {
    const pause = () => whilePaused(pool, AGENT_HOST, () => 0, { waitMsMax: WAIT_MS_MAX, now });
    assert.throws(pause, (error: unknown) => error instanceof PauseTimeoutError);
  });
  assert.ok(stepCount >= 6 && longestMs < 200, `${stepCount} rounds, ${longestMs} ms at most`);
  const elapsedMs = now();
  assert.ok(elapsedMs >= WAIT_MS_MAX && elapsedMs < 1.2 * WAIT_MS_MAX, `${elapsedMs} ms`);
  assert.is(pool.control[GATE_PAUSED], 0);
  stalled.leave();
  assert.is(whilePaused(pool, AGENT_HOST, () => 7), 7, "it has come back");
});

test("a pause whose holder has stalled is ended, and the holder learns of it", () => {
  const { pool } = new PoolFixture();
  const watch = new PauseWatch(pool, 1000);
  assert.is(watch.look(0), false, "there is none");
  const pause = () =>
    whilePaused(pool, AGENT_DPM, () => {
      assert.is(watch.look(10_000), false, "it has just begun");
      assert.is(watch.look(10_999), false);
      assert.is(canStep(new Gate(pool, OTHER_AGENT)), false);
      assert.is(watch.look(11_000), true);
      assert.is(canStep(new Gate(pool, OTHER_AGENT)), true, "everybody goes on");
    });
  assert.throws(pause, (error: unknown) => error instanceof PauseLostError);
  whilePaused(pool, AGENT_DPM, () => assert.is(watch.look(20_000), false, "it is another one"));
});

test("one pause waits for another, and not for ever", () => {
  const { pool } = new PoolFixture();
  let waits = 0;
  whilePaused(pool, AGENT_DPM, () => {
    const options = { waitMsMax: WAIT_MS_MAX, now: clock() };
    withAtomicHooks({ onAccess: () => {}, onWait: () => waits += 1 }, () => {
      const pause = () => whilePaused(pool, AGENT_HOST, () => 0, options);
      assert.throws(pause, (error: unknown) => error instanceof PauseTimeoutError);
    });
  });
  assert.ok(waits > 0);
  let hasEnded = false;
  const result = whilePausedBy(pool, AGENT_DPM, () => hasEnded = true);
  assert.is(result && hasEnded, true, "it begins when the other one ends");
});

/** Pauses while another agent has a pause that it ends at the first wait. */
function whilePausedBy(pool: PoolFixture["pool"], agent: number, onEnd: () => void): boolean {
  const lease = agent + 1;
  pool.control[GATE_PAUSED] = lease;
  const onWait = (_: Int32Array, index: number, value: number) => {
    assert.equal([index, value], [GATE_PAUSED, lease], "it waits for the end of that pause");
    pool.control[GATE_PAUSED] = 0;
    onEnd();
  };
  return withAtomicHooks(
    { onAccess: () => {}, onWait },
    () => whilePaused(pool, AGENT_HOST, () => pool.control[GATE_PAUSED] !== 0),
  );
}

test("a pause that was taken away fails at its end, also when the same agent has paused again", () => {
  const { pool } = new PoolFixture();
  const gate = new Gate(pool, AGENT);
  const isLost = (error: unknown) => error instanceof PauseLostError;
  let steps = 0;
  assert.throws(() =>
    whilePaused(pool, AGENT_DPM, () => {
      assert.is(breakPause(pool, AGENT_HOST), false, "it is not the host's");
      assert.is(canStep(gate), false);
      assert.is(breakPause(pool, AGENT_DPM), true);
      assert.is(breakPause(pool, AGENT_DPM), false, "it is nobody's");
      assert.is(canStep(gate), true);
      steps += 1;
    }), isLost);
  assert.throws(() =>
    whilePaused(pool, AGENT_DPM, () => {
      breakPause(pool, AGENT_DPM);
      // Another thread of the same agent: its pause must not be ended by the first one.
      whilePaused(pool, AGENT_DPM, () => steps += 1);
    }), isLost);
  whilePaused(pool, AGENT_HOST, () => steps += 1);
  assert.is(steps, 3);
  assert.is(pool.control[GATE_PAUSED], 0);
});

test("a step that throws ends the pause, and its error is the one that counts", () => {
  const { pool } = new PoolFixture();
  const fail = () => {
    throw new RangeError("no room for the copy");
  };
  assert.throws(() => whilePaused(pool, AGENT_DPM, fail), /no room/);
  assert.is(pool.control[GATE_PAUSED], 0);
});

test("whoever dies while it pauses keeps nobody out, when its pause has been ended", () => {
  const deaths = dieAtEveryMoment((die) => {
    const { pool } = new PoolFixture();
    const gate = new Gate(pool, AGENT);
    die(() => whilePaused(pool, AGENT_DPM, () => Atomics.load(pool.control, GATE_PAUSED)));
    const isPaused = pool.control[GATE_PAUSED] !== 0;
    assert.is(canStep(gate), !isPaused);
    assert.is(breakPause(pool, AGENT_DPM), isPaused);
    assert.is(canStep(gate), true);
    assert.is(whilePaused(pool, AGENT_HOST, () => canStep(gate)), false);
  });
  assert.ok(deaths > 10, `${deaths} deaths`);
});

test.run();
