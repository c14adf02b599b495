/**
 * The gate: a pause that begins at any access of an agent that begins a step. Either the agent does not begin it, or whoever pauses
 * waits for its end.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AGENT_GATE_STATE, GATE_PAUSED } from "../../lib/pool/control_layout.ts";
import { Gate, whilePaused } from "../../lib/pool/gate.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
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
      if (!isBusy) whilePaused(pool, () => isEstablished = true);
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
  assert.is(whilePaused(pool, () => gate.enter()), false);
  assert.is(whilePaused(pool, () => 7), 7);
  assert.is(gate.enter(), true);
  gate.leave();
});

test.run();
