/**
 * Index, log and rings grow as they are used, and every thread sees what is beyond the views that
 * it has.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_BUCKET, NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import { TooManyClientsError } from "../../lib/core/errors.ts";
import { bucketRegion, bucketWord } from "../../lib/index/bucket_layout.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { INDEX_SPACE_NEXT } from "../../lib/pool/control_layout.ts";
import { BUCKET_BYTES, geometryOf } from "../../lib/pool/geometry.ts";
import { CAN_GROW } from "../../lib/pool/growable_buffer.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { ringWords } from "../../lib/rings/ring_layout.ts";
import { attachedRing, createRingRegion, hasAttachedRing } from "../../lib/rings/ring_region.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const MIB = 2 ** 20;
/** The smallest steps there are: a bucket of the index, and a segment of the log. */
const TINY = { growthBytes: BUCKET_BYTES };

/** Takes the memory that a buffer could grow into away. */
function exhaust(buffer: SharedArrayBuffer): void {
  Object.defineProperty(buffer, "grow", {
    configurable: true,
    value: () => {
      throw new RangeError("no memory");
    },
  });
}

test("every runtime that is supported can grow shared buffers", () => {
  assert.ok(CAN_GROW, "if one cannot, these tests have nothing to look at");
});

test("a pool that is empty has little, however large it may become", () => {
  const pool = Pool.create(geometryOf(4096 * MIB, 8 * MIB), [1, 2]);
  assert.ok(pool.sharedBytes < 16 * MIB, `${pool.sharedBytes} bytes`);
});

test("what is used first is at low addresses, so that little grows", () => {
  const f = new PoolFixture({ segmentCount: 1024, ...TINY });
  const empty = f.pool.sharedBytes;
  for (let i = 0; i < 100; i++) assert.ok(f.put(`key ${i}`, new Uint8Array(1000)));
  const grown = f.pool.sharedBytes - empty;
  assert.ok(grown >= 100_000 && grown < 200_000, `${grown} bytes for 100 kB`);
});

test("a thread that attached before sees whatever is written behind its views", () => {
  const writer = new PoolFixture({ segmentCount: 256, ...TINY });
  const reader = PoolFixture.over(Pool.attach(writer.pool.handle));
  // So many that tables double and chains grow, too.
  for (let i = 0; i < 500; i++) {
    const value = new Uint8Array(1000).fill(i);
    assert.ok(writer.put(`key ${i}`, value, i % 4 === 0 ? i : undefined));
    assert.equal(reader.get(`key ${i}`, i % 4 === 0 ? i : undefined)?.value, value);
    const slot = writer.keys.hash >>> 20;
    const keys = reader.reader.collectKeys(slot as never, new Uint8Array(0));
    assert.ok(keys.some(({ bytes }) => new TextDecoder().decode(bytes) === `key ${i}`));
  }
});

test("views have a fixed length: those that follow the buffer's are slow", () => {
  const { pool } = new PoolFixture({ segmentCount: 64, ...TINY });
  const last = pool.segmentAddress(63 as SegmentId);
  const views = [pool.words[0]!, pool.bytes[0]!, pool.index[0]!];
  const lengths = views.map(({ length }) => length);
  assert.ok(pool.coverSegment(63 as SegmentId) && pool.coverBuckets(100));
  assert.equal(views.map(({ length }) => length), lengths);
  const made = [pool.wordsOf(last), pool.bytesOf(last), bucketRegion(pool, 99 as never)];
  for (const [i, view] of made.entries()) {
    assert.is.not(view, views[i], "a view that is too short is made anew");
    assert.ok(view.length > lengths[i]!);
  }
  assert.is(pool.wordsOf(last), made[0], "and kept");
});

test("a thread that finds a buffer longer than it wanted it has what it needs", () => {
  const pool = Pool.create(geometryOf(64 * 4096, 4096), [1, 2], BUCKET_BYTES);
  const log = pool.handle.log[0]!;
  const { prototype } = SharedArrayBuffer;
  Object.defineProperty(log, "grow", {
    value: (bytes: number) => {
      // Another thread is faster, and wants more.
      prototype.grow.call(log, bytes + 4096);
      prototype.grow.call(log, bytes);
    },
  });
  assert.ok(pool.coverSegment(10 as SegmentId));
  assert.is(pool.wordsOf(pool.segmentAddress(10 as SegmentId)).byteLength, 12 * 4096);
});

test("without memory no segment is opened, and none is lost", () => {
  const pool = Pool.create(geometryOf(64 * 4096, 4096), [1, 2], BUCKET_BYTES);
  const segments = new SegmentTable(pool);
  assert.is(segments.allocate(0, 0), 0);
  exhaust(pool.handle.log[0]!);
  const { freeCount } = segments;
  assert.is(segments.allocate(0, 0), NO_SEGMENT);
  assert.is(segments.freeCount, freeCount);
  assert.is(segments.state(1 as SegmentId), SegmentState.FREE);
  Reflect.deleteProperty(pool.handle.log[0]!, "grow");
  assert.is(segments.allocate(0, 0), 1 as SegmentId);
});

test("without memory no bucket is handed out, and none is lost", () => {
  const pool = Pool.create(geometryOf(64 * 4096, 4096), [1, 2], BUCKET_BYTES);
  const space = new IndexSpace(pool, 0);
  space.allocateExtent(4);
  const next = pool.control[INDEX_SPACE_NEXT];
  exhaust(pool.handle.index[0]!);
  assert.is(space.allocateExtent(4), NO_BUCKET);
  assert.is(pool.control[INDEX_SPACE_NEXT], next);
});

test("buckets of a second region are seen behind a first one that has a hole at its end", () => {
  const sizes = { ...geometryOf(64 * 4096, 4096), bucketCount: 2 ** 24 + 64 };
  const pool = Pool.create(sizes, [1, 2], BUCKET_BYTES);
  pool.control[INDEX_SPACE_NEXT] = 2 ** 24 - 3;
  const other = Pool.attach(pool.handle);
  const extent = new IndexSpace(pool, 0).allocateExtent(4);
  assert.is(extent, 2 ** 24);
  bucketRegion(pool, extent)[bucketWord(extent)] = 7;
  assert.is(bucketRegion(other, extent)[bucketWord(extent)], 7);
  assert.is(pool.handle.index[0]!.byteLength, 2 ** 30, "whole, so that a checkpoint can copy it");
});

test("rings have memory when somebody uses them, and no others", () => {
  const region = createRingRegion(64, 64 * 1024, 1024);
  assert.is(region.buffer!.byteLength, 0);
  const ring = attachedRing(region, 1, 3);
  assert.ok(hasAttachedRing(region, 1, 3) && !hasAttachedRing(region, 1, 4));
  const words = ringWords(ring);
  words[words.length - 1] = 5;
  attachedRing(region, 40, 0);
  assert.is(ringWords(attachedRing(region, 1, 3))[words.length - 1], 5);
  exhaust(region.buffer!);
  assert.throws(
    () => attachedRing(region, 60, 0),
    (e: unknown) => e instanceof TooManyClientsError,
  );
});

test.run();
