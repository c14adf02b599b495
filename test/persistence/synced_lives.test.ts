/**
 * What is known to be synced is known of one life of a segment: a sync that outlasts the life
 * claims nothing about the next.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { ADDRESS_UNIT_BYTES } from "../../lib/core/limits.ts";
import { frameSyncedBytes } from "../../lib/log/frame_layout.ts";
import { SEGMENT_HEADER_BYTES } from "../../lib/log/record_layout.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { AGENT_HOST } from "../../lib/pool/control_layout.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { packSynced, syncedBytesOf } from "../../lib/pool/synced_bytes.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const USED_BYTES = 3000;
const IMAGE = "/pool/image-1";

/** A pool with an image, and a segment that is filled so far. */
class Filled {
  readonly disk = new MemoryDisk();
  readonly f = new PoolFixture({ segmentCount: 8 });
  readonly segments = new SegmentTable(this.f.pool);
  readonly file: LogFile;
  readonly segment: SegmentId;

  constructor() {
    this.disk.close(this.disk.create(IMAGE));
    this.file = new LogFile(this.f.pool, this.disk, IMAGE);
    this.segment = this.begin();
    this.segments.publishUsed(this.segment, USED_BYTES);
  }

  begin(): SegmentId {
    return this.segments.allocate(AGENT_HOST, 0);
  }

  /** Ends the segment's life, and begins the next one. */
  beginAgain(): void {
    this.segments.seal(this.segment);
    assert.is(this.begin(), this.segment, "the last one that was freed is taken first");
    this.segments.publishUsed(this.segment, SEGMENT_HEADER_BYTES);
  }

  /** What a frame says that is sealed now. */
  claimOfFrame(): number {
    const { pool } = this.f;
    const start = (pool.segmentAddress(this.segment) >>> 0) +
      SEGMENT_HEADER_BYTES / ADDRESS_UNIT_BYTES;
    const address = start as ReturnType<typeof pool.segmentAddress>;
    this.file.sealFrame(this.segment, address, 64);
    return frameSyncedBytes(pool, address);
  }
}

test("a frame says how much of its segment had been synced", () => {
  const filled = new Filled();
  assert.is(filled.claimOfFrame(), 0);
  assert.ok(filled.file.sync());
  assert.is(filled.claimOfFrame(), USED_BYTES);
  filled.file.close();
});

test("a sync is due after a while, and when the system's clock has been set back", () => {
  const filled = new Filled();
  let nowMs = 1e12;
  const { pool } = filled.f;
  const file = new LogFile(pool, filled.disk, IMAGE, () => nowMs);
  const write = () => assert.ok(file.write(pool.segmentAddress(filled.segment), 64));
  for (const [laterMs, isOverdue] of [[1000, false], [2000, true], [-3_600_000, true]] as const) {
    assert.ok(file.sync());
    write();
    nowMs += laterMs;
    assert.is(file.isSyncOverdue, isOverdue, `${laterMs} ms later`);
  }
  file.close();
  filled.file.close();
});

for (const lives of [1, 2, 15, 16, 17]) {
  test(`a sync that lasts into the next life, ${lives} later, claims nothing about it`, () => {
    const filled = new Filled();
    filled.disk.beforeCall = (call) => {
      if (call !== "sync") return;
      for (let i = 0; i < lives; i++) filled.beginAgain();
    };
    assert.ok(filled.file.sync());
    assert.is(filled.claimOfFrame(), 0);
    filled.disk.beforeCall = () => {};
    assert.ok(filled.file.sync());
    assert.is(filled.claimOfFrame(), SEGMENT_HEADER_BYTES, "the next sync does");
    filled.file.close();
  });
}

test("the word speaks of the life that it was stored for, and of no other", () => {
  for (const generation of [0, 1, 7, 15, 16, 17, 2 ** 31 - 1, -(2 ** 31), -1]) {
    for (const bytes of [0, 8, 4096, 2 ** 30]) {
      const word = packSynced(generation, bytes);
      assert.is(word | 0, word, "a word");
      assert.is(syncedBytesOf(word, generation), bytes, `${bytes} bytes of life ${generation}`);
      for (let later = 1; later < 16; later++) {
        assert.is(syncedBytesOf(word, (generation + later) | 0), 0, `${later} lives later`);
      }
    }
  }
});

test.run();
