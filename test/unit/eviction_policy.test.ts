/**
 * The policy of a pool that evicts: counts, victims, and how many of them a gain takes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SegmentModel } from "../../bench/eviction/segment_model.ts";
import { NO_SEGMENT, type SegmentId } from "../../lib/core/brands.ts";
import {
  COUNT_MAX,
  countNeeded,
  countWhenKept,
  countWhenOverwritten,
  DROPS_ALL,
  SELECTIVE_VICTIMS_MAX,
  VictimSearch,
} from "../../lib/eviction/eviction_policy.ts";
import { GHOST_UNITS, GhostTable, ghostWords } from "../../lib/eviction/ghost_table.ts";
import { seeded } from "../support/random.ts";

const CAPACITY_BYTES = 100_000;
const SEGMENT_BYTES = 1000;

/** Shows segments as [is main, birth, live bytes, used bytes], and lets the search choose. */
function choose(
  segments: readonly (readonly [boolean, number, number, number])[],
): { chosen: SegmentId; search: VictimSearch } {
  const search = new VictimSearch();
  search.begin();
  for (const [i, [isMain, birth, live, used]] of segments.entries()) {
    search.see(i as SegmentId, isMain, birth, live, used);
  }
  return { chosen: search.choose(CAPACITY_BYTES), search };
}

test("a record is kept by a count of one, and of more with each victim without a gain", () => {
  assert.is(countNeeded(false, 0), 1);
  assert.is(countNeeded(true, 0), 0, "all of an almost empty segment");
  for (let victims = 0; victims < SELECTIVE_VICTIMS_MAX; victims++) {
    assert.is(countNeeded(false, victims), 1 + victims);
  }
  for (const isCopied of [false, true]) {
    assert.is(countNeeded(isCopied, SELECTIVE_VICTIMS_MAX), DROPS_ALL);
    assert.is(countNeeded(isCopied, SELECTIVE_VICTIMS_MAX + 5), DROPS_ALL);
  }
  assert.ok(DROPS_ALL > COUNT_MAX);
});

test("a record begins anew in main, and goes round there for each count", () => {
  assert.is(countWhenKept(3, false, false), 0);
  assert.is(countWhenKept(3, true, false), 2);
  assert.is(countWhenKept(0, true, true), 0);
  assert.is(countWhenKept(2, true, true), 2, "copying is no round");
  assert.equal([0, 1, 2, 3].map(countWhenOverwritten), [2, 3, 3, 3]);
});

test("no segment, no victim", () => {
  assert.is(choose([]).chosen, NO_SEGMENT);
});

test("main's emptiest comes first, measured by what was appended", () => {
  const full = [true, 1, SEGMENT_BYTES, SEGMENT_BYTES] as const;
  const { chosen, search } = choose([full, [true, 9, 500, 900], [true, 8, 500, 850], full]);
  assert.is(chosen, 1);
  assert.ok(search.isCopied);
  // A third of the segment is used, but all that was appended is alive.
  assert.is(choose([full, [true, 2, 300, 300]]).chosen, 0);
  const probation = choose([full, [false, 2, 100, SEGMENT_BYTES]]);
  assert.not(probation.search.isCopied, "probation is not copied");
});

test("probation gives up its oldest above its share, main below it", () => {
  const probation = (count: number) =>
    Array.from({ length: count }, (_, i) => [false, 50 - i, SEGMENT_BYTES, SEGMENT_BYTES] as const);
  const main = [true, 3, SEGMENT_BYTES, SEGMENT_BYTES] as const;
  const above = choose([main, ...probation(11)]);
  assert.is(above.chosen, 11, "the one that was opened first");
  assert.not(above.search.isMain);
  const below = choose([main, ...probation(10), [true, 2, SEGMENT_BYTES, SEGMENT_BYTES]]);
  assert.is(below.chosen, 11);
  assert.ok(below.search.isMain);
  assert.is(choose(probation(2)).chosen, 1, "where main has none");
  assert.is(choose([main]).chosen, 0, "where probation has none");
});

test("births may wrap around", () => {
  const { chosen } = choose([
    [false, -2147483647, 1, 1],
    [false, 2147483646, 1, 1],
  ]);
  assert.is(chosen, 1);
});

test(
  "a ghost is known once, and for 0.9 of a capacity",
  seeded((random) => {
    const ghosts = new GhostTable(new Int32Array(ghostWords(2 ** 20)));
    const hashes = Array.from({ length: 500 }, () => random.below(2 ** 32) | 0);
    const when = 70_000; // Wraps in the table's 16 bits.
    for (const hash of hashes) ghosts.add(hash, when);
    const early = hashes.slice(0, 250).filter((hash) =>
      ghosts.take(hash, when + 0.89 * GHOST_UNITS)
    );
    assert.ok(early.length > 240, `${early.length} of 250 are known`);
    assert.not(ghosts.take(hashes[0]!, when), "it is forgotten once it was asked for");
    const late = hashes.slice(250).filter((hash) => ghosts.take(hash, when + 0.91 * GHOST_UNITS));
    assert.is(late.length, 0);
    const others = Array.from({ length: 5000 }, (_, i) => Math.imul(i, 0x9e3779b1))
      .filter((hash) => ghosts.take(hash, when));
    assert.ok(others.length < 50, `${others.length} of 5000 are taken for others`);
  }),
);

test(
  "records of any size, however often they are read, leave room in at most four victims",
  seeded((random) => {
    for (let round = 0; round < 30; round++) {
      const bytesMax = [40, 300, 520, 936][round % 4]!;
      // The model throws when it finds no segment, and would not end if nothing were gained.
      const model = new SegmentModel(64, SEGMENT_BYTES);
      for (let i = 0; i < 3000; i++) {
        const key = random.below(400);
        for (let read = 0; read < 3; read++) model.get(key);
        model.put(key, random.between(16, bytesMax));
      }
      assert.ok(model.victimsMax <= 4, `${model.victimsMax} victims for one gain`);
    }
  }),
);

test.run();
