/**
 * The sweeper: removes what has expired, a bounded number of slots at a time, and rests between two
 * rounds however many slots have keys that will expire.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { ExpirySweeper } from "../../lib/node/expiry_sweeper.ts";
import { AgentCounter, AgentCounters } from "../../lib/pool/agent_counters.ts";
import { initialiseOwner } from "../../lib/routing/ownership.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";

const NODE = 3 as NodeId;
const SLOTS = 300;
const STEP_SLOTS_MAX = 64;
const EARLY_MS = 2000;
const LATE_MS = 1e9;

/** Keys in many slots: every third expires early, the others late. */
function sweptPool(): { f: PoolFixture; sweeper: ExpirySweeper; counters: AgentCounters } {
  const f = new PoolFixture({ segmentCount: 64 });
  for (let slot = 0; slot < SLOTS; slot++) {
    initialiseOwner(f.pool, slot as Slot, NODE);
    const expiresAtMs = slot % 3 === 0 ? EARLY_MS : LATE_MS;
    assert.ok(f.put(`key ${slot}`, valueOf(slot), hashIn(slot, slot), expiresAtMs));
  }
  const counters = new AgentCounters(f.pool, 0);
  const { pool, segments, table } = f;
  const clock = () => f.nowMs;
  const sweeper = new ExpirySweeper({
    pool,
    nodeId: NODE,
    agent: NODE,
    segments,
    table,
    counters,
    clock,
  });
  return { f, sweeper, counters };
}

/** Sweeps until the sweeper rests; returns the slots that each step looked into. */
function sweepRound(sweeper: ExpirySweeper): number[] {
  const steps: number[] = [];
  while (sweeper.isDue) {
    steps.push(sweeper.sweep());
    assert.ok(steps.length <= SLOTS, "a round ends");
  }
  return steps;
}

test("a round looks into each slot with expiring keys once, some at a time, and then there is a rest", () => {
  const { f, sweeper, counters } = sweptPool();
  const steps = sweepRound(sweeper);
  assert.is(steps.reduce((sum, count) => sum + count, 0), SLOTS);
  assert.ok(Math.max(...steps) <= STEP_SLOTS_MAX);
  assert.is(sweeper.isDue, false);
  assert.is(counters.get(AgentCounter.EXPIRED), 0);
  f.nowMs = EARLY_MS;
  assert.is(sweeper.isDue, true);
  sweepRound(sweeper);
  assert.is(counters.get(AgentCounter.EXPIRED), SLOTS / 3);
  for (let slot = 0; slot < SLOTS; slot++) {
    const found = f.get(`key ${slot}`, hashIn(slot, slot));
    assert.is(found === undefined, slot % 3 === 0, `key ${slot}`);
  }
  f.nowMs += 1000;
  assert.is(sweepRound(sweeper).reduce((sum, count) => sum + count, 0), SLOTS - SLOTS / 3);
});

test("a clock that is set back holds no round up", () => {
  const { f, sweeper, counters } = sweptPool();
  f.nowMs = EARLY_MS + 3_600_000;
  sweepRound(sweeper);
  assert.is(counters.get(AgentCounter.EXPIRED), SLOTS / 3);
  assert.ok(f.put("key 0", valueOf(0), hashIn(0, 0), EARLY_MS));
  f.nowMs = EARLY_MS;
  assert.is(sweeper.isDue, true);
  sweepRound(sweeper);
  assert.is(counters.get(AgentCounter.EXPIRED), SLOTS / 3 + 1);
  assert.is(sweeper.isDue, false, "and then there is a rest");
});

test("slots of other KNs are left alone", () => {
  const { f, sweeper } = sweptPool();
  for (let slot = 0; slot < SLOTS; slot++) initialiseOwner(f.pool, slot as Slot, 4 as NodeId);
  f.nowMs = EARLY_MS;
  assert.equal(sweepRound(sweeper), [0]);
});

test.run();
