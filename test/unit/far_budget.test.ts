/**
 * What far KNs promise, they can keep: every record that was acknowledged finds a bucket when it is
 * merged, however small the index is.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { hasUnmerged } from "../../lib/far/log/log_merger.ts";
import { INDEX_SPACE_NEXT } from "../../lib/pool/control_layout.ts";
import { FarBudget, reservedBuckets } from "../../lib/far/log/far_budget.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { type Ending, FarPair } from "../support/far_pair.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { keysOfSlots } from "../support/sim_keys.ts";

const BACKLOG_BYTES = 64 * 1024;
const BUCKET_COUNT = 40;
/** Many keys of few slots, in turn: their tables double, as long as they may. */
const SLOTS = [17, 1200, 2400] as Slot[];
const NAMES = keysOfSlots(SLOTS, 100).map(({ text }) => text);
/** Buckets that nobody promises. */
const MARGIN = 4;

/** Budgets of two KNs, with so many buckets left for insertions. */
function budgets(sureCount: number): FarBudget[] {
  const pool = Pool.create({ ...geometryOf(64 * 4096, 4096), bucketCount: BUCKET_COUNT }, [3, 4]);
  assert.ok(sureCount <= reservedBuckets(pool));
  pool.control[INDEX_SPACE_NEXT] = BUCKET_COUNT - sureCount;
  const segments = new SegmentTable(pool);
  const space = new SpaceBudget(pool, segments);
  return [0, 1].map((agent) => new FarBudget(pool, agent, segments, space));
}

test("a KN promises as many keys as there are buckets, and others what is left", () => {
  const [first, second] = budgets(MARGIN + 3);
  for (let i = 0; i < 2; i++) assert.is(first!.admitsKey(i), true);
  assert.is(second!.admitsKey(0), true);
  assert.is(second!.admitsKey(1), false);
  assert.is(first!.admitsKey(1), true, "what was promised is kept");
  assert.is(first!.admitsKey(2), false);
});

test("two KNs that promise at the same time do not promise the same bucket", () => {
  for (let at = 0, isOver = false; !isOver; at++) {
    const [first, second] = budgets(MARGIN + 1);
    const hasPromised = [false, false];
    isOver = !interruptAt(
      at,
      () => hasPromised[0] = first!.admitsKey(0),
      () => hasPromised[1] = second!.admitsKey(0),
    );
    assert.not.equal(hasPromised, [true, true], `at access ${at}`);
  }
});

test("what two KNs have acknowledged is merged, however few buckets the index has", () => {
  for (let bucketCount = 12; bucketCount <= BUCKET_COUNT; bucketCount++) {
    const pair = new FarPair(BACKLOG_BYTES, bucketCount);
    const [client] = pair.clients;
    for (const slot of SLOTS.slice(1)) assert.ok(pair.moves.move(slot, 1 as NodeId));
    const endings = new Map<string, Ending>();
    for (const name of NAMES) {
      endings.set(name, client!.put(name, 1));
      for (let i = 0; i < 4; i++) for (const node of pair.nodes) node.doWork();
      client!.poll();
    }
    for (let i = 0; i < 200; i++) for (const node of pair.nodes) node.doWork();
    client!.poll();
    for (const agent of [0, 1]) {
      assert.ok(pair.moves.mergeAll(agent), `a log is merged into ${bucketCount} buckets`);
      assert.is(hasUnmerged(pair.pool, agent), false);
    }
    const acknowledged = NAMES.filter((name) => endings.get(name)!.status === Status.OK);
    assert.ok(acknowledged.length > 5 && acknowledged.length < NAMES.length, "it was full");
    for (const name of acknowledged) {
      const read = client!.get(name);
      for (const node of pair.nodes) node.doWork();
      client!.poll();
      assert.is(read.value, 1, name);
    }
  }
});

test.run();
