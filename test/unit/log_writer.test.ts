/**
 * Appending to segments: addresses, segment headers, reserves, and what a full log does.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS, NO_SEGMENT, type PoolAddress } from "../../lib/core/brands.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from "../../lib/log/record_layout.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { occupiedBytes } from "../../lib/pool/segment_tails.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

/** Words that fill what a segment has room for. */
const FULL = (4096 - SEGMENT_HEADER_BYTES) / 4;

test("a writer opens its first segment when it needs one", () => {
  const { log, segments } = new PoolFixture();
  assert.is(log.segment, NO_SEGMENT);
  log.publish();
  log.seal();
  assert.is(segments.freeCount, 64);
  assert.is.not(log.reserve(10, 0), NO_ADDRESS);
  assert.is(log.segment, 0);
  assert.is(segments.freeCount, 63);
});

test("reservations follow each other behind the segment's header", () => {
  const { log } = new PoolFixture();
  const unitsOfHeader = SEGMENT_HEADER_BYTES / 8;
  assert.is(log.reserve(10, 0), unitsOfHeader);
  assert.is(log.reserve(2, 0), unitsOfHeader + 5);
  assert.is(log.reserve(100, 0), unitsOfHeader + 6);
});

test("the segment's header says which segment it is, and of which generation", () => {
  const { pool, log, segments } = new PoolFixture({ segmentCount: 8 });
  segments.seal(segments.allocate(0, 0));
  log.reserve(FULL, 0);
  log.reserve(FULL, 0);
  for (const [segment, generation] of [[0, 1], [1, 0]] as const) {
    const at = (segment * 4096) / 4;
    assert.equal([...pool.words[0]!.subarray(at, at + 3)], [SEGMENT_MAGIC, segment, generation]);
  }
});

test("a record that does not fit goes to the next segment, and the last one is sealed as far as it was filled", () => {
  const { log, segments } = new PoolFixture();
  log.reserve(FULL - 10, 0);
  const first = log.segment;
  const address = log.reserve(12, 0);
  assert.is(address, 4096 / 8 + SEGMENT_HEADER_BYTES / 8);
  assert.is.not(log.segment, first);
  assert.is(segments.state(first), SegmentState.FREE, "nothing in it was counted as live");
});

test("a segment is filled to its last word", () => {
  const { log, segments } = new PoolFixture();
  const address = log.reserve(FULL - 10, 0);
  segments.addLive(address, (FULL - 10) * 4);
  const rest = log.reserve(10, 0);
  assert.is(rest, 4096 / 8 - 5);
  log.publish();
  assert.is(segments.usedBytes(log.segment), 4096);
  const sealed = log.segment;
  log.reserve(2, 0);
  assert.is(segments.state(sealed), SegmentState.SEALED);
});

test("what is published is what was reserved", () => {
  const { log, segments } = new PoolFixture();
  const address = log.reserve(20, 0);
  log.publish();
  assert.is(segments.usedBytes(log.segment), SEGMENT_HEADER_BYTES + 80);
  log.cancel(address, 20);
  log.publish();
  assert.is(segments.usedBytes(log.segment), SEGMENT_HEADER_BYTES);
});

test("a cancelled reservation's space is given out again, the newest only", () => {
  const { log } = new PoolFixture();
  const first = log.reserve(20, 0);
  const second = log.reserve(30, 0);
  assert.throws(() => log.cancel(first, 20), /only the newest reservation/);
  log.cancel(second, 30);
  assert.is(log.reserve(8, 0), second);
});

test("with only the reserve left a writer gets nothing, and keeps what is left of its segment", () => {
  const { log, segments } = new PoolFixture({ segmentCount: 8 });
  for (let i = 0; i < 6; i++) segments.addLive(log.reserve(FULL - 100, 2), (FULL - 100) * 4);
  assert.is(segments.freeCount, 2);
  assert.is(log.reserve(FULL, 2), NO_ADDRESS);
  assert.is(segments.state(log.segment), SegmentState.OPEN);
  assert.is.not(log.reserve(100, 2), NO_ADDRESS, "a smaller record still fits");
  assert.is(log.reserve(2, 2), NO_ADDRESS);
  assert.is.not(log.reserve(2, 1), NO_ADDRESS, "a smaller reserve leaves one more segment");
});

test("with only the reserve left a writer gives up a segment that cleaning gains from", () => {
  const { log, segments } = new PoolFixture({ segmentCount: 8 });
  for (let i = 0; i < 6; i++) segments.addLive(log.reserve(FULL - 100, 2), 4);
  const given = log.segment;
  assert.is(log.reserve(FULL, 2), NO_ADDRESS);
  assert.is(segments.state(given), SegmentState.SEALED);
  assert.is(log.segment, NO_SEGMENT);
  assert.is(log.reserve(FULL, 0), segments.nextFree * 512 - 512 + SEGMENT_HEADER_BYTES / 8);
});

test("without a free segment to clean to a writer keeps its own", () => {
  const { log, segments } = new PoolFixture({ segmentCount: 8 });
  for (let i = 0; i < 6; i++) segments.addLive(log.reserve(FULL - 100, 2), 4);
  for (let i = 0; i < 2; i++) segments.allocate(1, 0);
  assert.is(log.reserve(FULL, 2), NO_ADDRESS);
  assert.is(segments.state(log.segment), SegmentState.OPEN);
  assert.is.not(log.reserve(100, 2), NO_ADDRESS, "a smaller record still fits");
});

test("a segment that is left for the next one has lost its tail, one that is sealed before has not", () => {
  const { pool, log, segments } = new PoolFixture();
  segments.addLive(log.reserve(FULL - 100, 0), 400);
  const [full] = [log.segment];
  segments.addLive(log.reserve(200, 0), 800);
  const early = log.segment;
  log.seal();
  assert.is(segments.lostBytes(full), 400);
  assert.is(occupiedBytes(pool, segments, full), (400 * 4096) / 3696);
  assert.is(segments.lostBytes(early), 0);
  assert.is(occupiedBytes(pool, segments, early), 800);
  segments.subtractLive((full * 512 + 8) as PoolAddress, 400);
  assert.is(segments.allocate(0, 0), full);
  assert.is(segments.lostBytes(full), 0, "in its next life nothing is lost yet");
});

test("an open segment in which nothing is live makes room for itself", () => {
  const { log, segments } = new PoolFixture({ segmentCount: 8 });
  for (let i = 0; i < 5; i++) segments.addLive(log.reserve(FULL, 2), 4);
  // From here on as with deletes: records that are never live, in a log that is otherwise full.
  let previous: PoolAddress = NO_ADDRESS;
  for (let i = 0; i < 1000; i++) {
    const address = log.reserve(100, 2);
    assert.is.not(address, NO_ADDRESS, `record ${i}`);
    assert.is.not(address, previous);
    previous = address;
  }
  assert.is(segments.freeCount, 2);
});

test("two writers never share a segment", () => {
  const f = new PoolFixture({ segmentCount: 8 });
  const second = new LogWriter(f.pool, f.segments, 1);
  const addresses = new Set<number>();
  for (let i = 0; i < 40; i++) {
    for (const log of [f.log, second]) {
      const address = log.reserve(200, 0);
      if (address === NO_ADDRESS) continue;
      f.segments.addLive(address, 800);
      assert.not(addresses.has(address), `address ${address} was given out twice`);
      addresses.add(address);
      assert.is.not(f.log.segment, second.segment);
    }
  }
  assert.ok(addresses.size >= 35, "both of them filled the pool");
});

test("sealing twice is harmless", () => {
  const { log, segments } = new PoolFixture();
  segments.addLive(log.reserve(10, 0), 40);
  const segment = log.segment;
  log.seal();
  log.seal();
  assert.is(log.segment, NO_SEGMENT);
  assert.is(segments.state(segment), SegmentState.SEALED);
  assert.is(segments.usedBytes(segment), SEGMENT_HEADER_BYTES + 40);
});

test("a record larger than a segment is a bug of the caller", () => {
  const { log } = new PoolFixture();
  assert.throws(() => log.reserve(FULL + 2, 0), /a record fits a segment/);
});

test.run();
