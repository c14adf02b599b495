/**
 * Keys that are looked up ahead, many at a time, while something changes between two steps.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { metaLog2, nextMeta } from "../../lib/index/slot_extents.ts";
import { RECORD_HASH, RECORD_KEY } from "../../lib/log/record_layout.ts";
import { KeyLookahead } from "../../lib/ordered/key_lookahead.ts";
import { GENERATIONS, SLOT_META, SLOT_WORDS } from "../../lib/pool/control_layout.ts";
import { OrderedFixture, textOfBytes } from "../support/ordered_fixture.ts";
import { bytesOfText } from "../support/ordered_keys.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `key ${i}`);
/** Hashes of one bucket of one slot: most of the keys are in buckets behind the first one. */
const CROWDED = KEYS.map((_, i) => 0x12300000 | (i << 8));

/** A pool with some keys. */
function prepare(hashes: readonly (number | undefined)[]) {
  const fixture = OrderedFixture.make({ segmentCount: 128, segmentBytes: 16_384 });
  const agent = fixture.writer(0);
  const { pool } = fixture;
  const records = KEYS.map((key, i) => fixture.record(bytesOfText(key), hashes[i]));
  for (const record of records) assert.ok(agent.insert(record));
  const words = records.map((record) => pool.wordsOf(record)[pool.wordAt(record) + RECORD_HASH]!);
  return { pool, records, hashes: new Int32Array(words), ahead: new KeyLookahead(pool, 16) };
}

/** The keys that a look finds while something happens at the end of one of its steps. */
function foundWhile(
  { hashes, ahead }: ReturnType<typeof prepare>,
  step: number,
  happens: () => void,
): (string | undefined)[] {
  let accesses = 0;
  // There is one access at the end of each step, and a hook before and behind it.
  const onAccess = () => {
    if (++accesses === 2 * step) happens();
  };
  withAtomicHooks({ onAccess }, () => ahead.look(hashes, 0, 1, hashes.length));
  assert.ok(accesses >= 6, "a look has four steps");
  return KEYS.map((_, i) => ahead.isFound(i) ? textOfBytes(ahead.keys[i]!.bytes) : undefined);
}

test("all keys are found that are the only ones of their hashes", () => {
  for (const hashes of [[], CROWDED]) {
    const world = prepare(hashes);
    assert.equal(foundWhile(world, 0, () => {}), KEYS);
  }
});

test("of a hash with two keys none is taken, nor one of a hash without any", () => {
  const world = prepare([...CROWDED.slice(0, 11), CROWDED[4]]);
  const { ahead, hashes } = world;
  const found = foundWhile(world, 0, () => {});
  assert.equal(found, KEYS.map((key, i) => i === 4 || i === 11 ? undefined : key));
  ahead.look(new Int32Array([0x7fffffff, hashes[3]!]), 0, 1, 2);
  assert.equal([ahead.isFound(0), ahead.isFound(1)], [false, true]);
});

test("a key is not taken whose record is overwritten meanwhile", () => {
  for (const step of [2, 3]) {
    const world = prepare([]);
    const { pool, records } = world;
    const found = foundWhile(world, step, () => {
      const record: PoolAddress = records[5]!;
      pool.wordsOf(record)[pool.wordAt(record) + RECORD_KEY]! ^= 1;
      pool.control[GENERATIONS + pool.segmentOf(record)]! += 1;
    });
    assert.ok(found.every((key) => key === undefined), "all were in that segment");
  }
});

test("a key is not taken whose table changes meanwhile", () => {
  for (const step of [2, 3]) {
    const world = prepare([]);
    const { pool, hashes } = world;
    const metaAt = pool.slots + (hashes[5]! >>> SLOT_SHIFT) * SLOT_WORDS + SLOT_META;
    const found = foundWhile(world, step, () => {
      const meta = pool.control[metaAt]!;
      pool.control[metaAt] = nextMeta(meta, metaLog2(meta));
    });
    assert.is(found[5], undefined);
    assert.ok(found.filter((key) => key !== undefined).length > 0);
  }
});

test.run();
