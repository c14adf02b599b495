/**
 * What a standby knows of the segments that it has in memory, and forgets when their memory is
 * written anew.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { SegmentId } from "../../lib/core/brands.ts";
import { LoadedSegments } from "../../lib/persistence/loaded_segments.ts";

const ONE = 1 as SegmentId;
const OTHER = 2 as SegmentId;

/** Everything that is known of a segment. */
function known(loaded: LoadedSegments, segment: SegmentId): number[] {
  return [
    loaded.readBytes(segment),
    loaded.crc(segment),
    loaded.walkedBytes(segment),
    loaded.syncedBytes(segment),
  ];
}

/** Two segments of which everything is known. */
function loadedOnce(): LoadedSegments {
  const loaded = new LoadedSegments(3);
  for (const segment of [ONE, OTHER]) {
    loaded.forget(segment, 5);
    loaded.noteRead(segment, 100, 7);
    loaded.noteWalked(segment, 90);
    loaded.noteSynced(segment, 80);
    assert.equal(known(loaded, segment), [100, 7, 90, 80]);
  }
  return loaded;
}

test("nothing is known of a segment that is forgotten, which has another life", () => {
  const loaded = loadedOnce();
  loaded.forget(ONE, 6);
  assert.equal(known(loaded, ONE), [0, 0, 0, 0]);
  assert.equal([loaded.isOf(ONE, 5), loaded.isOf(ONE, 6), loaded.isOf(OTHER, 5)], [
    false,
    true,
    true,
  ]);
  assert.equal(known(loaded, OTHER), [100, 7, 90, 80]);
});

test("records behind what was read are not known any more, and those before it are", () => {
  const loaded = loadedOnce();
  loaded.noteRead(ONE, 60, 9);
  assert.equal(known(loaded, ONE), [60, 9, 60, 80]);
  loaded.noteRead(ONE, 120, 11);
  assert.equal(known(loaded, ONE), [120, 11, 60, 80]);
});

test("what has been synced stays so", () => {
  const loaded = loadedOnce();
  loaded.noteSynced(ONE, 70);
  assert.is(loaded.syncedBytes(ONE), 80);
});

test.run();
