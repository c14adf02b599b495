/**
 * Free segments that are withheld: no other thread gets them, and none is lost or given to two, at
 * whatever moment others take some.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { FreeSegments } from "../../lib/pool/free_segments.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import { WithheldSegments } from "../../lib/pool/withheld_segments.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

const COUNT = 40;

function fixture() {
  const f = new PoolFixture({ segmentCount: COUNT, bucketCount: 64 });
  const free = new FreeSegments(f.pool);
  const { dueCount } = new SpaceBudget(f.pool, f.segments);
  return { f, free, dueCount, withheld: new WithheldSegments(f.pool) };
}

test("the free ones at the end are withheld, down to one that is not, or to the reserve", () => {
  const { f, free, dueCount, withheld } = fixture();
  assert.is(withheld.withholdTail(), dueCount);
  assert.is(f.segments.freeCount, dueCount);
  withheld.giveBack();
  assert.is(f.segments.freeCount, COUNT);
  assert.ok(free.takeOne(30 as SegmentId, 0));
  assert.is(withheld.withholdTail(), 31);
  assert.is(withheld.withhold(31 as SegmentId), false, "it is withheld already");
  assert.is(withheld.withhold(30 as SegmentId), false, "another thread has it");
  assert.is(withheld.withhold(29 as SegmentId), true);
  withheld.giveBack();
  assert.is(f.segments.freeCount, COUNT - 1);
  free.add(30 as SegmentId);
});

test("where the last one is in use there is nothing to withhold", () => {
  const { free, withheld } = fixture();
  assert.ok(free.takeOne((COUNT - 1) as SegmentId, 0));
  assert.is(withheld.withholdTail(), COUNT);
  assert.equal(withheld.segments, []);
});

test("others take segments at any moment, and no segment has two holders", () => {
  for (let at = 0, hasEnded = false; !hasEnded; at++) {
    const { f, free, dueCount, withheld } = fixture();
    const taken: SegmentId[] = [];
    let moment = 0;
    let end = COUNT;
    hasEnded = true;
    withAtomicHooks({
      onAccess: () => {
        if (moment++ !== at) return;
        hasEnded = false;
        for (let i = 0; i < 3; i++) taken.push(f.segments.allocate(1, 0));
        // One of those that are looked at now.
        const other = (COUNT - 1 - (at >>> 3)) as SegmentId;
        if (other >= 0 && free.takeOne(other, 0)) taken.push(other);
      },
    }, () => {
      end = withheld.withholdTail();
    });
    const held = withheld.segments.filter((segment) => taken.includes(segment));
    assert.equal(held, [], `moment ${at}`);
    assert.ok(withheld.segments.every((segment) => segment >= end));
    assert.is(withheld.segments.length, COUNT - end);
    assert.ok(f.segments.freeCount >= dueCount - 4);
    withheld.giveBack();
    const counted = Array.from({ length: COUNT }, (_, i) => free.has(i as SegmentId)).filter(
      Boolean,
    );
    assert.is(counted.length, COUNT - taken.length);
    assert.is(f.segments.freeCount, counted.length);
  }
});

test.run();
