/**
 * What far KNs may promise: what is live, what is logged and not merged, and what they have been
 * admitted since they have looked.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { GATE_NODE_COUNT } from "../../lib/pool/control_layout.ts";
import { FarBudget, unmergedBytes } from "../../lib/far/log/far_budget.ts";
import { occupiedBytesTotal } from "../../lib/pool/segment_tails.ts";
import { liveBytesMax, SpaceBudget } from "../../lib/pool/space_budget.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";

/** Bytes of a record with a value of 100 bytes. */
const RECORD_BYTES = 144;
/** Of the KN whose log is not merged. */
const AGENT = 1;

interface Budgeted {
  readonly f: PoolFixture;
  readonly budget: () => FarBudget;
  readonly limit: number;
}

function budgeted(): Budgeted {
  const f = new PoolFixture();
  f.pool.control[GATE_NODE_COUNT] = 1;
  const { segmentCount, segmentBytes } = f.pool.geometry;
  const budget = () => new FarBudget(f.pool, 0, f.segments, new SpaceBudget(f.pool, f.segments));
  return { f, budget, limit: liveBytesMax(segmentCount, segmentBytes, 1) };
}

/**
 * Stores records until segments are scarce: before that, anything is admitted. Returns the bytes
 * that fit nevertheless.
 */
function fillUntilScarce({ f, limit }: Budgeted): number {
  const space = new SpaceBudget(f.pool, f.segments);
  for (let i = 0; !space.isScarce; i++) f.put(`key ${i}`, valueOf(i, 100));
  const room = limit - occupiedBytesTotal(f.pool, f.segments);
  assert.ok(room > 4 * RECORD_BYTES, `${room} of ${limit}`);
  return room;
}

test("records are admitted up to the limit, and again when others have gone", () => {
  const { f, budget, limit } = budgeted();
  const kept = budget();
  let stored = 0;
  while (kept.admitsBytes(RECORD_BYTES, 0) && f.put(`key ${stored}`, valueOf(stored, 100))) {
    stored += 1;
  }
  const live = occupiedBytesTotal(f.pool, f.segments);
  assert.ok(live <= limit && live > 0.9 * limit, `${live} of ${limit}`);
  assert.is(kept.admitsBytes(RECORD_BYTES, 0), false);
  for (let i = 0; i < stored; i += 4) f.delete(`key ${i}`);
  assert.is(kept.admitsBytes(RECORD_BYTES, 0), true);
});

test("what is admitted counts before anybody has logged it", () => {
  const pool = budgeted();
  const room = fillUntilScarce(pool);
  const kept = pool.budget();
  let admitted = 0;
  while (admitted <= room && kept.admitsBytes(RECORD_BYTES, admitted)) admitted += RECORD_BYTES;
  assert.ok(admitted <= room && admitted > room - RECORD_BYTES, `${admitted} of ${room}`);
});

test("what is logged and not merged counts as if all of it were to become live", () => {
  const pool = budgeted();
  const room = fillUntilScarce(pool);
  const { f, budget } = pool;
  assert.is(budget().admitsBytes(room, 0), true);
  const log = new LogWriter(f.pool, f.segments, AGENT, { isMerged: true });
  log.reserve(RECORD_BYTES / 4, 0);
  log.settle();
  const unmerged = unmergedBytes(f.pool, f.segments);
  assert.ok(unmerged >= RECORD_BYTES);
  assert.is(budget().admitsBytes(room, 0), false);
  assert.is(budget().admitsBytes(room - unmerged, 0), true);
  assert.is(budget().admitsBytes(room - unmerged, RECORD_BYTES), false);
});

test.run();
