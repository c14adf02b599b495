/**
 * The cleaner: what is live survives it unchanged, what is dead makes room, and what it has moved
 * is published whenever it stands between two steps.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { AGENT_DPM, GATE_DEFER_FREE } from "../../lib/pool/control_layout.ts";
import { SEGMENT_IS_STAGING, SEGMENT_PINS } from "../../lib/pool/segment_layout.ts";
import { DeferFree, SegmentState } from "../../lib/pool/segment_state.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { seeded } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

const OTHER_AGENT = 5;
const LOST_BYTES = 96;

function cleanerOf(f: PoolFixture): { cleaner: Cleaner; log: LogWriter } {
  const log = new LogWriter(f.pool, f.segments, AGENT_DPM);
  return { cleaner: new Cleaner(f.pool, f.segments, f.table, log, () => f.nowMs), log };
}

/** Cleans until there is nothing to clean; fails instead of going on for ever. */
function cleanAll(cleaner: Cleaner): void {
  for (let i = 0; i < 1000; i++) if (cleaner.doWork() === 0) return;
  throw new Error("the cleaner does not come to an end");
}

/** Bytes of all records that the model holds, and whether the pool agrees. */
function checkAgainst(f: PoolFixture, model: ReadonlyMap<string, Uint8Array>): void {
  let liveBytes = 0;
  for (const [key, value] of model) {
    assert.equal(f.get(key)?.value, value, key);
    const address = f.find(key);
    liveBytes += f.recordBytes(address);
    const segment = f.pool.segmentOf(address);
    const end = ((address >>> 0) - (f.pool.segmentAddress(segment) >>> 0)) * 8 +
      f.recordBytes(address);
    assert.ok(
      f.segments.usedBytes(segment) >= end,
      `${key} is in the published part of its segment`,
    );
  }
  assert.is(f.segments.liveBytesTotal(), liveBytes, "live bytes are those of the live records");
}

test("with nothing to gain there is no work", () => {
  const f = new PoolFixture();
  const { cleaner } = cleanerOf(f);
  assert.is(cleaner.doWork(), 0, "an empty pool");
  for (let i = 0; f.segments.freeCount > 60; i++) f.put(`key ${i}`, valueOf(i, 450));
  cleanAll(cleaner);
  assert.is(cleaner.movedBytes, 0, "full segments stay");
  assert.is(cleaner.cleanOne(), false);
});

test("live records move, dead ones make room", () => {
  const f = new PoolFixture();
  const model = new Map<string, Uint8Array>();
  for (let i = 0; i < 600; i++) {
    model.set(`key ${i}`, valueOf(i, 200));
    f.put(`key ${i}`, valueOf(i, 200));
  }
  for (let i = 0; i < 600; i++) {
    if (i % 4 === 0) continue;
    f.delete(`key ${i}`);
    model.delete(`key ${i}`);
  }
  const versions = new Map([...model.keys()].map((key) => [key, f.get(key)!.version]));
  const freeBefore = f.segments.freeCount;
  const { cleaner, log } = cleanerOf(f);
  cleanAll(cleaner);
  cleaner.abandon();
  log.seal();
  assert.ok(f.segments.freeCount > freeBefore + 20, `${f.segments.freeCount - freeBefore} gained`);
  assert.ok(cleaner.cleanedCount > 20);
  assert.ok(cleaner.movedBytes > 0);
  checkAgainst(f, model);
  for (const [key, version] of versions) assert.is(f.get(key)?.version, version, "versions stay");
});

test("expired records are not moved", () => {
  const f = new PoolFixture();
  for (let i = 0; i < 200; i++) f.put(`key ${i}`, valueOf(i, 200), undefined, i % 2 ? 9000 : 5000);
  f.log.seal();
  for (let i = 0; i < 200; i += 5) f.delete(`key ${i}`);
  f.nowMs = 6000;
  const { cleaner } = cleanerOf(f);
  cleanAll(cleaner);
  f.nowMs = 1000;
  for (let i = 0; i < 200; i++) {
    const isGone = i % 5 === 0 || i % 2 === 0;
    assert.is(f.get(`key ${i}`) === undefined, isGone, `key ${i}`);
  }
});

test("pinned and open segments are left alone", () => {
  const f = new PoolFixture();
  for (let i = 0; i < 15; i++) f.put(`key ${i}`, valueOf(i, 200));
  for (let i = 1; i < 15; i++) f.delete(`key ${i}`);
  const { cleaner } = cleanerOf(f);
  assert.is(cleaner.doWork(), 0, "the only segment is open");
  const address = f.find("key 0");
  f.segments.pin(address);
  f.log.seal();
  assert.is(cleaner.doWork(), 0, "pinned");
  f.segments.unpin(address);
  assert.ok(cleaner.doWork() > 0);
  assert.is.not(f.find("key 0"), address);
  assert.equal(f.get("key 0")?.value, valueOf(0, 200));
});

test("two cleaners never have the same victim", () => {
  const f = new PoolFixture();
  const model = new Map<string, Uint8Array>();
  for (let i = 0; i < 300; i++) f.put(`key ${i}`, valueOf(i, 100));
  for (let i = 0; i < 300; i++) {
    if (i % 3 === 0) model.set(`key ${i}`, valueOf(i, 100));
    else f.delete(`key ${i}`);
  }
  f.log.seal();
  const [one, other] = [cleanerOf(f), cleanerOf(f)];
  for (let i = 0; i < 100; i++) {
    if (one.cleaner.doWork() + other.cleaner.doWork() === 0) break;
    assert.ok(f.countSegments(SegmentState.CLEANING) <= 2);
    checkAgainst(f, model);
  }
  checkAgainst(f, model);
});

test("a cleaner that runs out of room keeps everything, and has published what it moved", () => {
  const f = new PoolFixture({ segmentCount: 8 });
  const model = new Map<string, Uint8Array>();
  // Five records to a segment, of which one dies; the last segment is for the cleaner. Nothing is
  // freed meanwhile, as during a snapshot, so the cleaner runs out of room in the middle of its
  // second victim.
  Atomics.store(f.pool.control, GATE_DEFER_FREE, DeferFree.YES);
  for (let i = 0; i < 7 * 5; i++) f.put(`key ${i}`, valueOf(i, 700));
  f.log.seal();
  assert.is(f.segments.freeCount, 1);
  for (let i = 0; i < 7 * 5; i++) {
    if (i % 5 === 2) f.delete(`key ${i}`);
    else model.set(`key ${i}`, valueOf(i, 700));
  }
  const { cleaner } = cleanerOf(f);
  let work = 1;
  while (work > 0) {
    work = cleaner.doWork();
    checkAgainst(f, model);
  }
  assert.is(cleaner.cleanedCount, 1);
  assert.is(f.segments.freeCount, 0);
});

test(
  "random records of all sizes under constant cleaning",
  seeded((random) => {
    const f = new PoolFixture({ segmentCount: 24 });
    const model = new Map<string, Uint8Array>();
    const { cleaner } = cleanerOf(f);
    for (let i = 0; i < 4000; i++) {
      const key = `key ${random.below(60)}`;
      if (random.below(4) === 0) {
        assert.is(f.delete(key), model.delete(key));
      } else {
        const value = random.bytes(random.below(700));
        if (f.put(key, value)) model.set(key, value);
      }
      if (f.segments.freeCount < 8) cleaner.doWork();
      if (i % 50 === 0) checkAgainst(f, model);
    }
    checkAgainst(f, model);
  }),
);

/**
 * Fills a segment, and leaves it sealed with one live record and bytes that belong to nobody;
 * returns it.
 */
function fillWithLeftovers(f: PoolFixture): SegmentId {
  for (let i = 0; i < 40; i++) assert.ok(f.put(`key ${i}`, valueOf(i, 200)));
  const segment = f.pool.segmentOf(f.find("key 0"));
  for (let i = 1; i < 40; i++) assert.ok(f.delete(`key ${i}`));
  assert.is(f.segments.state(segment), SegmentState.SEALED);
  // As if somebody had died before it pointed the index at a record, or after it had taken one out.
  f.segments.addLive(f.find("key 0"), LOST_BYTES);
  return segment;
}

test("bytes that nobody will take out of the count are written off", () => {
  const f = new PoolFixture();
  const segment = fillWithLeftovers(f);
  const { cleaner, log } = cleanerOf(f);
  cleanAll(cleaner);
  log.seal();
  assert.is(f.segments.state(segment), SegmentState.FREE);
  checkAgainst(f, new Map([["key 0", valueOf(0, 200)]]));
});

test("nothing is written off in a segment that is pinned, that stages values, or that is given up", () => {
  for (const what of ["pinned", "staging", "given up"] as const) {
    const f = new PoolFixture();
    const segment = fillWithLeftovers(f);
    const { cleaner, log } = cleanerOf(f);
    if (what === "staging") f.pool.control[f.pool.segmentAt(segment) + SEGMENT_IS_STAGING] = 1;
    const onAccess = (): void => {
      if (f.segments.state(segment) !== SegmentState.CLEANING) return;
      if (what === "pinned") f.pool.control[f.pool.segmentAt(segment) + SEGMENT_PINS] = 1;
    };
    if (what === "given up") {
      // Without a segment to move anything to.
      while (f.segments.allocate(OTHER_AGENT, 0) !== NO_SEGMENT);
      assert.is(cleaner.cleanOne(), false);
    } else withAtomicHooks({ onAccess: once(onAccess) }, () => cleaner.cleanOne());
    log.seal();
    assert.is(f.segments.state(segment), SegmentState.SEALED, what);
    assert.ok(f.segments.liveBytes(segment) >= LOST_BYTES, what);
  }
});

/** A hook that does not call itself. */
function once(body: () => void): () => void {
  let isBusy = false;
  return () => {
    if (isBusy) return;
    isBusy = true;
    body();
    isBusy = false;
  };
}

test.run();
