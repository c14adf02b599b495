/**
 * How much live data a pool admits, and when it begins to clean.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { liveBytesMax, SpaceBudget } from "../../lib/pool/space_budget.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";

/** Bytes of a record with a value of 100 bytes. */
const RECORD_BYTES = 144;

function budgeted(segmentCount = 64): { f: PoolFixture; budget: SpaceBudget } {
  const f = new PoolFixture({ segmentCount });
  f.pool.control[GATE_NODE_COUNT] = 1;
  return { f, budget: new SpaceBudget(f.pool, f.segments) };
}

test("the share of live data is bounded for every size, and grows with the pool", () => {
  for (const segmentBytes of [4096, 2 ** 20, 2 ** 23]) {
    let last = 0;
    for (const segmentCount of [8, 9, 16, 64, 1000, 65_534]) {
      const max = liveBytesMax(segmentCount, segmentBytes, 1);
      assert.ok(max > last && max < 0.9 * segmentCount * segmentBytes, `${segmentCount}`);
      last = max;
    }
  }
  assert.ok(liveBytesMax(1000, 4096, 1) > 0.8 * 1000 * 4096, "most of a large pool is usable");
  assert.ok(liveBytesMax(8, 4096, 4) > 0, "the smallest pool with the most KNs is usable");
  assert.is(liveBytesMax(8, 4096, 100), 0);
});

test("every KN takes a segment from what is admitted", () => {
  for (let nodes = 1; nodes < 20; nodes++) {
    assert.ok(liveBytesMax(64, 4096, nodes + 1) < liveBytesMax(64, 4096, nodes));
  }
});

test("an empty pool is neither scarce nor critical, and admits anything that fits", () => {
  const { budget } = budgeted();
  assert.is(budget.isScarce, false);
  assert.is(budget.isCritical, false);
  assert.is(budget.admits(4000), true);
});

test("a pool becomes scarce long before it becomes critical", () => {
  const { f, budget } = budgeted();
  let scarceAt = -1;
  let criticalAt = -1;
  for (let taken = 0; taken < 64; taken++) {
    if (budget.isScarce && scarceAt < 0) scarceAt = taken;
    if (budget.isCritical && criticalAt < 0) criticalAt = taken;
    f.segments.allocate(0, 0);
  }
  assert.ok(scarceAt > 32 && scarceAt < criticalAt - 3, `${scarceAt}, ${criticalAt}`);
  assert.ok(criticalAt < 64);
});

test("live data is admitted up to the limit, and again when it has gone", () => {
  const { f, budget } = budgeted();
  let stored = 0;
  while (budget.admits(RECORD_BYTES) && f.put(`key ${stored}`, valueOf(stored, 100))) stored += 1;
  assert.is(f.recordBytes(f.find("key 100")), RECORD_BYTES);
  const live = f.segments.liveBytesTotal();
  assert.ok(live <= budget.liveBytesMax, `${live} of ${budget.liveBytesMax}`);
  assert.ok(live > 0.9 * budget.liveBytesMax, `${live} of ${budget.liveBytesMax}`);
  assert.is(budget.admits(RECORD_BYTES), false);
  for (let i = 0; i < stored; i += 4) f.delete(`key ${i}`);
  assert.is(budget.admits(RECORD_BYTES), true);
});

test("what one budget has admitted another one sees soon", () => {
  const { f, budget } = budgeted();
  const other = new SpaceBudget(f.pool, f.segments);
  let stored = 0;
  const put = () => f.put(`key ${stored}`, valueOf(stored, 100));
  while (budget.admits(RECORD_BYTES) && other.admits(RECORD_BYTES) && put()) stored += 1;
  const live = f.segments.liveBytesTotal();
  // Each may be behind by what the other has admitted since it has last looked: at most 32 records.
  assert.ok(
    live <= budget.liveBytesMax + 2 * 32 * RECORD_BYTES,
    `${live} of ${budget.liveBytesMax}`,
  );
});

test.run();
