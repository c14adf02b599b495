/**
 * The cleaners that KNs share: one thread goes on where another one has left off, none disturbs
 * another, and a thread that dies at any moment of a step leaves nothing behind.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { agentExecutor, enterExecutor, leaveExecutor } from "../../lib/agent/executor.ts";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { abandonCleaners, SharedCleaners } from "../../lib/dpm/shared_cleaners.ts";
import { endDeadCleaners } from "../../lib/recovery/cleaner_recovery.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import {
  AGENT_CLEANERS,
  AGENT_EXECUTOR,
  AGENT_STEPS,
  AGENT_VICTIM,
  GATE_NODE_COUNT,
  GATE_PAUSED,
} from "../../lib/pool/control_layout.ts";
import { SEGMENT_AGENT } from "../../lib/pool/segment_layout.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { liveBytesMax, sharedCleanerCount } from "../../lib/pool/space_budget.ts";
import { type FixtureSizes, PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { SEED } from "../support/random.ts";
import { dieAt } from "../support/sim_death.ts";

const KN = 3;
const OTHER_KN = 4;
/** At every how many moments a thread dies; where that begins is decided by the seed. */
const STRIDE = 11;
/** Large enough that a victim takes several steps. */
const LARGE = { segmentBytes: 16_384, segmentCount: 16 };

/** A pool with dead records, and what is live in it. */
function worn(sizes: FixtureSizes = {}, count = 300) {
  const f = new PoolFixture(sizes);
  f.pool.control[GATE_NODE_COUNT] = 2;
  const model = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) f.put(`key ${i}`, valueOf(i, 40));
  for (let i = 0; i < count; i++) {
    if (i % 3 === 0) model.set(`key ${i}`, valueOf(i, 40));
    else f.delete(`key ${i}`);
  }
  f.log.seal();
  return { f, model };
}

function cleanersOf(f: PoolFixture, agent: number): SharedCleaners {
  const { pool, segments } = f;
  const clock = () => f.nowMs;
  const executor = agentExecutor(agent);
  return new SharedCleaners({ pool, segments, agent, executor, file: undefined, clock });
}

function check(f: PoolFixture, model: ReadonlyMap<string, Uint8Array>): void {
  let liveBytes = 0;
  for (const [key, value] of model) {
    assert.equal(f.get(key)?.value, value, key);
    liveBytes += f.recordBytes(f.find(key));
  }
  assert.is(f.segments.liveBytesTotal(), liveBytes, "live bytes are those of the live records");
}

function victimOf(f: PoolFixture, cleaner = 0): SegmentId {
  return (f.pool.control[f.pool.agentAt(AGENT_CLEANERS + cleaner) + AGENT_VICTIM]! -
    1) as SegmentId;
}

test("a victim that one thread has begun with is finished by another", () => {
  const { f, model } = worn(LARGE, 800);
  const one = cleanersOf(f, KN);
  const other = cleanersOf(f, OTHER_KN);
  assert.ok(one.doWork() > 0);
  const victim = victimOf(f);
  assert.is.not(victim, NO_SEGMENT);
  assert.is(f.segments.state(victim), SegmentState.CLEANING);
  check(f, model);
  const opened = f.segments.openSegmentsOf(AGENT_CLEANERS);
  assert.is(opened.length, 1);
  for (let i = 0; f.segments.state(victim) === SegmentState.CLEANING; i++) {
    assert.ok(i < 100 && other.doWork() > 0);
  }
  assert.is(f.segments.state(victim), SegmentState.FREE);
  assert.is(one.cleanedCount, 0);
  assert.is(other.cleanedCount, 1);
  assert.equal(f.segments.openSegmentsOf(AGENT_CLEANERS), opened, "into the same segment");
  check(f, model);
});

test("what is moved is not among what is written", () => {
  const { f, model } = worn();
  const cleaners = cleanersOf(f, KN);
  for (let i = 0; cleaners.doWork() > 0; i++) {
    f.put(`new ${i}`, valueOf(i, 300));
    model.set(`new ${i}`, valueOf(i, 300));
  }
  check(f, model);
  const agentOf = (key: string) =>
    f.pool.control[f.pool.segmentAt(f.pool.segmentOf(f.find(key))) + SEGMENT_AGENT];
  let movedCount = 0;
  for (const key of model.keys()) {
    if (agentOf(key) === AGENT_CLEANERS) movedCount += 1;
    if (key.startsWith("new")) assert.is(agentOf(key), 0, key);
  }
  assert.ok(movedCount > 50, `${movedCount} moved`);
});

test("while another thread is in a step of the only cleaner, or the pool is paused, there is no work", () => {
  const { f, model } = worn({ segmentCount: 32 });
  const cleaners = cleanersOf(f, KN);
  const at = f.pool.agentAt(AGENT_CLEANERS) + AGENT_EXECUTOR;
  assert.ok(enterExecutor(f.pool.control, at, agentExecutor(OTHER_KN)));
  assert.is(cleaners.doWork(), 0);
  leaveExecutor(f.pool.control, at, agentExecutor(OTHER_KN));
  f.pool.control[GATE_PAUSED] = 1;
  assert.is(cleaners.doWork(), 0);
  f.pool.control[GATE_PAUSED] = 0;
  assert.ok(cleaners.doWork() > 0);
  check(f, model);
});

test("of several cleaners a thread takes one that is free, and its KN makes progress", () => {
  const { f, model } = worn({ segmentCount: 256 });
  assert.is(sharedCleanerCount(256), 4);
  const at = f.pool.agentAt(AGENT_CLEANERS) + AGENT_EXECUTOR;
  assert.ok(enterExecutor(f.pool.control, at, agentExecutor(OTHER_KN)));
  const steps = f.pool.control[f.pool.agentAt(KN) + AGENT_STEPS]!;
  assert.ok(cleanersOf(f, KN).doWork() > 0);
  assert.is(f.pool.control[f.pool.agentAt(KN) + AGENT_STEPS], steps + 1);
  assert.is(victimOf(f, 0), NO_SEGMENT);
  check(f, model);
});

test("a thread that dies at any moment of a step leaves nothing behind", () => {
  let at = SEED % STRIDE;
  for (let hasDied = true; hasDied; at += STRIDE) {
    const { f, model } = worn({ segmentCount: 8, bucketCount: 256 }, 60);
    const cleaners = cleanersOf(f, KN);
    hasDied = dieAt(at, () => {
      for (let i = 0; i < 3; i++) cleaners.doWork();
    });
    abandonCleaners(f.pool, agentExecutor(OTHER_KN));
    assert.equal(endDeadCleaners(f.pool, undefined), [], "another thread's step is not ended");
    abandonCleaners(f.pool, agentExecutor(KN));
    const found = endDeadCleaners(f.pool, undefined);
    // Another thread cleans before the books are repaired.
    const other = cleanersOf(f, OTHER_KN);
    other.doWork();
    const ringOf = () => {
      throw new Error("there are no reservations");
    };
    assert.ok(repairPool({ pool: f.pool, deaths: found, ringOf }));
    for (let i = 0; other.doWork() > 0; i++) assert.ok(i < 1000, "cleaning ends");
    check(f, model);
    for (let i = 0; i < 8; i++) {
      const segment = i as SegmentId;
      const isClaimed = f.segments.state(segment) === SegmentState.CLEANING;
      assert.ok(!isClaimed, "nothing is being cleaned, as nothing is left to clean");
    }
    assert.is(f.segments.openSegmentsOf(AGENT_CLEANERS).length <= 1, true);
    assert.is(
      f.countSegments(SegmentState.FREE),
      f.segments.freeCount,
      "free segments are in the set",
    );
  }
  assert.ok(at > 100, `${at} moments`);
});

test("a repair gives up what a dead cleaner had claimed, and nothing of one that goes on", () => {
  const { f, model } = worn({ ...LARGE, segmentCount: 128 }, 1600);
  const [dead, other] = [cleanersOf(f, KN), cleanersOf(f, OTHER_KN)];
  const ringOf = () => {
    throw new Error("there are no reservations");
  };
  assert.ok(dead.doWork() > 0);
  assert.ok(dieAt(300, () => dead.doWork()), "it dies in the middle of a victim");
  const victim = victimOf(f);
  assert.is(f.segments.state(victim), SegmentState.CLEANING);
  assert.ok(other.doWork() > 0, "as another cleaner");
  abandonCleaners(f.pool, agentExecutor(KN));
  const deaths = endDeadCleaners(f.pool, undefined);
  assert.equal(deaths.map(({ agent }) => agent), [AGENT_CLEANERS]);
  assert.ok(repairPool({ pool: f.pool, deaths, ringOf }));
  assert.is(f.segments.state(victim), SegmentState.SEALED);
  assert.is(f.segments.state(victimOf(f, 1)), SegmentState.CLEANING);
  for (let i = 0; other.doWork() > 0; i++) assert.ok(i < 1000, "cleaning ends");
  assert.is(f.countSegments(SegmentState.CLEANING), 1, "that of a cleaner that has no executor");
  check(f, model);
});

test("what cleaners hold open is no part of what is admitted", () => {
  for (let segmentCount = 8; segmentCount < 600; segmentCount++) {
    for (const nodes of [1, 2, 4, segmentCount - 4]) {
      // The reserve, the other KNs' segments, the DPM processors', and those of the shared
      // cleaners.
      const closed = segmentCount - 2 - (nodes - 1) - 1 - sharedCleanerCount(segmentCount);
      const gained = Math.max(0, closed) * 4096 * 0.97;
      assert.ok(liveBytesMax(segmentCount, 4096, nodes) <= gained, `${segmentCount}, ${nodes}`);
    }
  }
});

test.run();
