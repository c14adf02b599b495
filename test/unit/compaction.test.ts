/**
 * What compaction moves, and when it is worth it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import {
  DownwardVictims,
  EmptiestVictims,
  isCompactionDue,
  neededCount,
  occupiedCount,
} from "../../lib/dpm/compaction.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { AGENT_DPM, GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import type { VictimPolicy } from "../../lib/dpm/victims.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";

const SEGMENT_COUNT = 64;

/** A pool of which every n-th record is left. */
function sparse(keep: number, count = 700) {
  const f = new PoolFixture({ segmentCount: SEGMENT_COUNT });
  f.pool.control[GATE_NODE_COUNT] = 1;
  for (let i = 0; i < count; i++) f.put(`key ${i}`, valueOf(i, 200));
  f.log.seal();
  for (let i = 0; i < count; i++) if (i % keep !== 0) f.delete(`key ${i}`);
  const check = () => {
    for (let i = 0; i < count; i++) {
      const value = f.get(`key ${i}`)?.value;
      assert.equal(value, i % keep === 0 ? valueOf(i, 200) : undefined, `key ${i}`);
    }
  };
  const run = (policy: VictimPolicy) => {
    const log = new LogWriter(f.pool, f.segments, AGENT_DPM);
    const cleaner = new Cleaner(f.pool, f.segments, f.table, log, () => f.nowMs, policy);
    for (let i = 0; cleaner.doWork() > 0; i++) assert.ok(i < 1000, "it ends");
    cleaner.abandon();
    log.seal();
    check();
    return cleaner;
  };
  return { f, run, check };
}

test("packing, and then moving down, leaves what is live at the pool's start", () => {
  const { f, run } = sparse(10);
  const before = occupiedCount(f.pool, f.segments);
  assert.is(isCompactionDue(f.pool, f.segments), true);
  run(new EmptiestVictims(f.pool, f.segments));
  const packed = SEGMENT_COUNT - f.segments.freeCount;
  assert.ok(packed < before / 4, `${packed} segments`);
  run(new DownwardVictims(f.pool, f.segments));
  const occupied = occupiedCount(f.pool, f.segments);
  assert.ok(occupied <= packed + 1, `${occupied} of ${packed}`);
  assert.ok(occupied <= neededCount(f.pool, f.segments));
  assert.is(isCompactionDue(f.pool, f.segments), false);
});

test("a live record is moved twice at most, and what is at the start already not at all", () => {
  const { f, run } = sparse(10);
  const liveBytes = f.segments.liveBytesTotal();
  const first = run(new EmptiestVictims(f.pool, f.segments));
  assert.ok(first.movedBytes <= liveBytes);
  const second = run(new DownwardVictims(f.pool, f.segments));
  assert.ok(second.movedBytes <= liveBytes);
  const again = run(new DownwardVictims(f.pool, f.segments));
  assert.is(again.cleanedCount, 0);
});

test("every victim is lower than the one before, and above a free segment", () => {
  const { f } = sparse(3);
  // Some free ones at the start.
  for (let i = 0; i < 100; i++) f.delete(`key ${i}`);
  const policy = new DownwardVictims(f.pool, f.segments);
  let last = SEGMENT_COUNT as SegmentId;
  for (let count = 0;; count++) {
    const victim = policy.next(() => true);
    if (victim === NO_SEGMENT) {
      assert.ok(count > 10);
      break;
    }
    assert.ok(victim < last && victim > f.segments.nextFree);
    assert.is(f.segments.state(victim), SegmentState.SEALED);
    last = victim;
  }
});

test("writers keep the free segments that they need", () => {
  const { f } = sparse(3);
  const { dueCount } = new SpaceBudget(f.pool, f.segments);
  const taken: SegmentId[] = [];
  while (f.segments.freeCount > dueCount) taken.push(f.segments.allocate(3, 0));
  for (const policy of [EmptiestVictims, DownwardVictims]) {
    assert.is(new policy(f.pool, f.segments).next(() => true), NO_SEGMENT);
  }
  for (const segment of taken) f.segments.seal(segment);
  assert.is.not(new EmptiestVictims(f.pool, f.segments).next(() => true), NO_SEGMENT);
});

test("it is not due for what is dense, small, or mostly free at its end", () => {
  assert.is(isCompactionDue(sparse(1).f.pool, sparse(1).f.segments), false);
  const { f } = sparse(1, 60);
  assert.is(isCompactionDue(f.pool, f.segments), false);
});

test.run();
