/**
 * The set of free segments: what is taken is nobody else's, for however long the taker was asleep
 * in between.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { FREE_SEGMENT_COUNT } from "../../lib/pool/control_layout.ts";
import { FreeSegments } from "../../lib/pool/free_segments.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { seeded } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

/** Swaps after which a tag of 16 bits is the same again. */
const TAG_PERIOD = 65_536;

function poolOf(segmentCount: number): Pool {
  return Pool.create(geometryOf(segmentCount * 4096, 4096), [1, 2]);
}

test("all segments of a new pool are free, and are taken from the lowest to the highest", () => {
  for (const count of [8, 31, 32, 33, 64, 100]) {
    const free = new FreeSegments(poolOf(count));
    assert.is(free.count, count);
    for (let i = 0; i < count; i++) {
      assert.is(free.first, i);
      assert.is(free.take(0), i);
      assert.is(free.has(i as SegmentId), false);
    }
    assert.is(free.first, NO_SEGMENT);
    assert.is(free.take(0), NO_SEGMENT);
    free.add(7 as SegmentId);
    assert.is(free.take(1), NO_SEGMENT, "a reserve is left");
    assert.is(free.take(0), 7);
  }
});

test("a taker that sleeps through any number of changes takes what nobody else has", () => {
  // Whatever it has seen before, the set is as it was then, with other segments in use: what ABA is
  // about.
  for (let access = 0; access < 5; access++) {
    const pool = poolOf(8);
    const sleeper = new FreeSegments(pool);
    const others = new FreeSegments(pool);
    let seen = 0;
    let isAwake = true;
    const held = new Set<SegmentId>();
    const onAccess = () => {
      if (!isAwake || seen++ !== access) return;
      isAwake = false;
      // One is kept, one taken and returned so often that the number of changes is the period of a
      // tag.
      held.add(others.take(0));
      for (let i = 0; i < TAG_PERIOD / 2; i++) others.add(others.take(0));
      held.add(others.take(0));
      const returned = [...held][0]!;
      held.delete(returned);
      others.add(returned);
    };
    const taken = withAtomicHooks({ onAccess }, () => sleeper.take(0));
    assert.is.not(taken, NO_SEGMENT);
    assert.not(
      held.has(taken),
      `segment ${taken} has been taken twice, asleep at access ${access}`,
    );
    while (others.first !== NO_SEGMENT) {
      const next = others.take(0);
      assert.ok(next !== taken && !held.has(next), `segment ${next} has been taken twice`);
      held.add(next);
    }
    assert.is(held.size, 7);
  }
});

test(
  "random takers and returners, each interrupted by the others, never have the same segment",
  seeded((random) => {
    const pool = poolOf(40);
    const free = new FreeSegments(pool);
    const held = new Set<SegmentId>();
    let depth = 0;
    const step = () => {
      if (depth === 3) return;
      depth += 1;
      if (held.size > 0 && random.below(2) === 0) {
        const segment = random.pick([...held]);
        held.delete(segment);
        free.add(segment);
      } else {
        const segment = free.take(random.below(3));
        if (segment !== NO_SEGMENT) {
          assert.not(held.has(segment), `segment ${segment} is taken twice`);
          held.add(segment);
        }
      }
      depth -= 1;
    };
    const onAccess = () => {
      if (depth > 0 && random.below(8) === 0) step();
    };
    withAtomicHooks({ onAccess }, () => {
      for (let i = 0; i < 3000; i++) step();
    });
    assert.is(free.count, 40 - held.size);
    for (let i = 0; i < 40; i++) assert.is(free.has(i as SegmentId), !held.has(i as SegmentId));
  }),
);

test("the count is put right after a thread has died between a bit and the count", () => {
  const pool = poolOf(40);
  const free = new FreeSegments(pool);
  free.take(0);
  Atomics.store(pool.control, FREE_SEGMENT_COUNT, 3);
  free.recount();
  assert.is(free.count, 39);
});

test.run();
