/**
 * Which segment is cleaned next.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { CostBenefit } from "../../lib/dpm/victims.ts";
import { SEGMENTS_OPENED } from "../../lib/pool/control_layout.ts";
import { SEGMENT_BIRTH } from "../../lib/pool/segment_layout.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";

const PER_SEGMENT = 15;

/** A pool with full, sealed segments, of each of which so many records are left. */
function poolWith(...liveCounts: readonly number[]) {
  const f = new PoolFixture();
  const segments: SegmentId[] = [];
  for (const [i, liveCount] of liveCounts.entries()) {
    const keys = Array.from({ length: PER_SEGMENT }, (_, n) => `key ${i}.${n}`);
    for (const key of keys) f.put(key, valueOf(i, 200));
    segments.push(f.log.segment);
    f.log.seal();
    for (const key of keys.slice(liveCount)) f.delete(key);
  }
  const victims = new CostBenefit(f.pool, f.segments);
  const next = (canFinish = (_: SegmentId) => true) => segments.indexOf(victims.next(canFinish));
  const setAge = (i: number, age: number) => {
    const now = f.pool.control[SEGMENTS_OPENED]!;
    f.pool.control[f.pool.segmentAt(segments[i]!) + SEGMENT_BIRTH] = (now - age) | 0;
  };
  return { f, victims, segments, next, setAge };
}

test("of segments of one age the emptiest is next", () => {
  const { next, setAge } = poolWith(10, 3, 7);
  for (let i = 0; i < 3; i++) setAge(i, 50);
  assert.is(next(), 1);
});

test("of segments that are equally full the oldest is next, though its gain is no larger", () => {
  const { next, setAge } = poolWith(7, 7, 7);
  setAge(0, 5);
  setAge(1, 400);
  setAge(2, 60);
  assert.is(next(), 1);
});

test("age makes up for fullness, by (1 - u) * age / (1 + u)", () => {
  // Of 16 records' room 12 and 4 are live: 0.25 / 1.75 and 0.75 / 1.25, so 4.2 times the age
  // decides.
  const { next, setAge } = poolWith(12, 4);
  setAge(1, 99);
  setAge(0, 350);
  assert.is(next(), 1);
  setAge(0, 500);
  assert.is(next(), 0);
});

test("the clock may begin again at 0 in between", () => {
  const { f, next, setAge } = poolWith(7, 7);
  f.pool.control[SEGMENTS_OPENED] = 3;
  setAge(0, 2);
  setAge(1, 1000);
  assert.ok(f.pool.control[f.pool.segmentAt(0 as SegmentId) + SEGMENT_BIRTH]! > 0);
  assert.is(next(), 1);
});

test("however old it is, one without a gain, pinned, or without room for it is none", () => {
  const { f, segments, next, setAge } = poolWith(PER_SEGMENT, 5, 9);
  f.segments.publishFull(segments[0]!);
  setAge(0, 2 ** 30);
  assert.is(next(), 1);
  assert.is(next((segment) => segment !== segments[1]), 2);
  f.pool.control[SEGMENTS_OPENED]! += 1;
  f.segments.pin(f.pool.segmentAddress(segments[1]!));
  assert.is(next(), 2);
  assert.ok(f.segments.claimForCleaning(segments[2]!));
  assert.is(f.segments.state(segments[2]!), SegmentState.CLEANING);
  assert.is(next(), -1);
});

test("a segment is born when it is taken", () => {
  const { f, next } = poolWith(7, 7, 7);
  assert.is(next(), 0, "the first that was filled is the oldest");
  const [at, other] = [0, 2].map((segment) => f.pool.segmentAt(segment as SegmentId));
  for (let i = 0; i < 7; i++) f.delete(`key 0.${i}`);
  assert.is(f.segments.state(0 as SegmentId), SegmentState.FREE);
  f.put("key", valueOf(1, 200));
  assert.is(f.log.segment, 0);
  assert.ok(f.pool.control[at! + SEGMENT_BIRTH]! > f.pool.control[other! + SEGMENT_BIRTH]!);
});

test("one that was taken last is a victim, too", () => {
  const { victims, segments, setAge } = poolWith(2);
  setAge(0, 0);
  assert.is(victims.next(() => true), segments[0]);
  assert.is(victims.next(() => false), NO_SEGMENT);
});

test.run();
