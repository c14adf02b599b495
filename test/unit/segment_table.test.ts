/**
 * Segment states and the set of free segments: every transition, and random sequences of them
 * against a model.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SEGMENT, type PoolAddress, type SegmentId } from "../../lib/core/brands.ts";
import { GATE_DEFER_FREE } from "../../lib/pool/control_layout.ts";
import { DeferFree, SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { type Random, seeded } from "../support/random.ts";

const { FREE, OPEN, SEALED, CLEANING, FREE_PENDING } = SegmentState;
const AGENT = 3;

function fixture(segmentCount = 8): PoolFixture {
  return new PoolFixture({ segmentCount });
}

/** An address inside a segment. */
function addressIn(pool: PoolFixture["pool"], segment: SegmentId): PoolAddress {
  return (pool.segmentAddress(segment) + 8) as PoolAddress;
}

test("a new pool hands out its segments, the lowest first", () => {
  const { segments } = fixture();
  assert.is(segments.freeCount, 8);
  for (let i = 0; i < 8; i++) {
    assert.is(segments.allocate(AGENT, 0), i);
    assert.is(segments.state(i as SegmentId), OPEN);
    assert.is(segments.freeCount, 7 - i);
  }
  assert.is(segments.allocate(AGENT, 0), NO_SEGMENT);
});

test("a reserve is left for others", () => {
  const { segments } = fixture();
  for (let i = 0; i < 6; i++) assert.is(segments.allocate(AGENT, 2), i);
  assert.is(segments.allocate(AGENT, 2), NO_SEGMENT);
  assert.is(segments.allocate(AGENT, 1), 6);
  assert.is(segments.allocate(AGENT, 1), NO_SEGMENT);
  assert.is(segments.allocate(AGENT, 0), 7);
});

test("a sealed segment without live bytes is free at once, and comes back before those that were never used", () => {
  const { pool, segments } = fixture();
  for (let i = 0; i < 5; i++) segments.allocate(AGENT, 0);
  for (const segment of [1, 4, 0] as SegmentId[]) {
    const before = pool.loadGeneration(segment);
    segments.seal(segment);
    assert.is(segments.state(segment), FREE);
    assert.is(pool.loadGeneration(segment), before + 1, "readers notice the reuse");
  }
  for (const segment of [0, 1, 4, 5]) assert.is(segments.allocate(AGENT, 0), segment);
});

test("a sealed segment is freed by whoever takes the last live bytes", () => {
  const { pool, segments } = fixture();
  const segment = segments.allocate(AGENT, 0);
  const address = addressIn(pool, segment);
  segments.addLive(address, 100);
  segments.addLive(address, 50);
  segments.seal(segment);
  assert.is(segments.state(segment), SEALED);
  segments.subtractLive(address, 100);
  assert.is(segments.state(segment), SEALED);
  assert.is(segments.liveBytes(segment), 50);
  assert.is(pool.loadGeneration(segment), 0);
  segments.subtractLive(address, 50);
  assert.is(segments.state(segment), FREE);
  assert.is(pool.loadGeneration(segment), 1);
  assert.is(segments.freeCount, 8);
});

test("an open segment without live bytes stays open", () => {
  const { pool, segments } = fixture();
  const segment = segments.allocate(AGENT, 0);
  segments.addLive(addressIn(pool, segment), 10);
  segments.subtractLive(addressIn(pool, segment), 10);
  assert.is(segments.state(segment), OPEN);
  assert.is(pool.loadGeneration(segment), 0);
});

test("only a sealed segment is claimed for cleaning, and by one only", () => {
  const { pool, segments } = fixture();
  const segment = segments.allocate(AGENT, 0);
  segments.addLive(addressIn(pool, segment), 10);
  assert.is(segments.claimForCleaning(segment), false, "open");
  segments.seal(segment);
  assert.is(segments.claimForCleaning(segment), true);
  assert.is(segments.claimForCleaning(segment), false, "claimed");
  assert.is(segments.state(segment), CLEANING);
  segments.subtractLive(addressIn(pool, segment), 10);
  assert.is(segments.state(segment), CLEANING, "the cleaner still reads it");
  segments.seal(segment);
  assert.is(segments.state(segment), FREE);
});

test("while a snapshot defers it, what would be free is pending, and keeps its generation", () => {
  const { pool, segments } = fixture();
  const [dead, emptied, live] = [0, 1, 2].map(() => segments.allocate(AGENT, 0)) as [
    SegmentId,
    SegmentId,
    SegmentId,
  ];
  segments.addLive(addressIn(pool, emptied), 10);
  segments.addLive(addressIn(pool, live), 10);
  segments.seal(emptied);
  segments.seal(live);
  Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
  segments.seal(dead);
  segments.subtractLive(addressIn(pool, emptied), 10);
  for (const segment of [dead, emptied]) {
    assert.is(segments.state(segment), FREE_PENDING);
    assert.is(pool.loadGeneration(segment), 0);
  }
  assert.is(segments.freeCount, 5);
  Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.NO);
  segments.releasePending();
  for (const segment of [dead, emptied]) {
    assert.is(segments.state(segment), FREE);
    assert.is(pool.loadGeneration(segment), 1);
  }
  assert.is(segments.state(live), SEALED);
  assert.is(segments.freeCount, 7);
  segments.releasePending();
  assert.is(segments.freeCount, 7, "nothing is released twice");
});

test("a pinned segment says so until the last pin is gone", () => {
  const { pool, segments } = fixture();
  const segment = segments.allocate(AGENT, 0);
  const address = addressIn(pool, segment);
  assert.is(segments.isPinned(segment), false);
  segments.pin(address);
  segments.pin(address);
  segments.unpin(address);
  assert.is(segments.isPinned(segment), true);
  segments.unpin(address);
  assert.is(segments.isPinned(segment), false);
});

test("used bytes start anew with every use", () => {
  const { segments } = fixture();
  const segment = segments.allocate(AGENT, 0);
  segments.publishUsed(segment, 640);
  assert.is(segments.usedBytes(segment), 640);
  segments.seal(segment);
  assert.is(segments.allocate(AGENT, 0), segment);
  assert.is(segments.usedBytes(segment), 0);
});

test("the total of live bytes is that of all segments", () => {
  const { pool, segments } = fixture();
  for (let i = 0; i < 3; i++) {
    segments.addLive(addressIn(pool, segments.allocate(AGENT, 0)), 100 + i);
  }
  assert.is(segments.liveBytesTotal(), 303);
});

/**
 * One random step of one of several agents, on the table and on the model; returns the segment it
 * touched.
 */
function step(random: Random, f: PoolFixture, model: Map<SegmentId, number>): void {
  const { pool, segments } = f;
  const held = [...model.keys()];
  const segment = held.length === 0 ? undefined : random.pick(held);
  const roll = random.below(10);
  if (segment === undefined || roll < 4) {
    const table = new SegmentTable(pool);
    const reserve = random.below(4);
    const freeBefore = table.freeCount;
    const allocated = table.allocate(random.below(60), reserve);
    assert.is(allocated === NO_SEGMENT, freeBefore <= reserve);
    if (allocated === NO_SEGMENT) return;
    assert.not(model.has(allocated), `segment ${allocated} is held already`);
    model.set(allocated, 0);
  } else if (segments.state(segment) === OPEN && roll < 7) {
    const bytes = 8 * random.between(1, 9);
    segments.addLive(addressIn(pool, segment), bytes);
    model.set(segment, model.get(segment)! + bytes);
  } else if (segments.state(segment) === OPEN) {
    segments.seal(segment);
    if (model.get(segment) === 0) model.delete(segment);
  } else {
    const bytes = Math.min(model.get(segment)!, 8 * random.between(1, 9));
    segments.subtractLive(addressIn(pool, segment), bytes);
    model.set(segment, model.get(segment)! - bytes);
    if (model.get(segment) === 0) model.delete(segment);
  }
}

test(
  "random sequences: no segment is held twice, lost, or freed too early",
  seeded((random) => {
    const f = fixture(32);
    const model = new Map<SegmentId, number>();
    const generations = new Array<number>(32).fill(0);
    for (let i = 0; i < 20_000; i++) {
      step(random, f, model);
      assert.is(f.segments.freeCount, 32 - model.size);
      const segment = random.below(32) as SegmentId;
      assert.is(f.segments.state(segment) === FREE, !model.has(segment));
      assert.is(f.segments.liveBytes(segment), model.get(segment) ?? 0);
      const generation = f.pool.loadGeneration(segment);
      assert.ok(generation >= generations[segment]!, "generations only grow");
      generations[segment] = generation;
    }
  }),
);

test.run();
