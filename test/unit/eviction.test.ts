/**
 * The cleaner in a pool that evicts: what it drops, what it keeps, and what it must not touch.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS, type PoolAddress } from "../../lib/core/brands.ts";
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { COUNT_MAX, REMEMBERED_COUNT } from "../../lib/eviction/eviction_policy.ts";
import { Ghosts } from "../../lib/eviction/ghosts.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import {
  packMeta,
  RECORD_HASH,
  RECORD_META,
  RECORD_VERSION_LOW,
  RecordKind,
} from "../../lib/log/record_layout.ts";
import {
  AGENT_DPM,
  SLOT_EXPIRING_COUNT,
  SLOT_LOCK,
  SLOT_VERSION_LOW,
} from "../../lib/pool/control_layout.ts";
import { ALL_SLOTS, droppedCount, evictingFixture } from "../support/evicting_pool.ts";
import { type PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { checkPool } from "../support/sim_pool_check.ts";

const OTHER_AGENT = 5;
/** Eight records of this length fill a segment. */
const LENGTH = 450;

function cleanerOf(f: PoolFixture): { cleaner: Cleaner; log: LogWriter } {
  const log = new LogWriter(f.pool, f.segments, AGENT_DPM);
  return { cleaner: new Cleaner(f.pool, f.segments, f.table, log, () => f.nowMs), log };
}

/** Puts keys until so many segments are free. */
function fill(f: PoolFixture, freeCount: number): number {
  let count = 0;
  while (f.segments.freeCount > freeCount) {
    assert.ok(f.put(`key ${count}`, valueOf(count, LENGTH)));
    count += 1;
  }
  return count;
}

/** Puts the store's own key, which has no bytes. */
function putOwn(f: PoolFixture): PoolAddress {
  // A key of a word takes as much room as none.
  const own = f.append("own", valueOf(7, LENGTH));
  f.keys.encodeSystemKey();
  const at = f.pool.wordAt(own);
  const words = f.pool.wordsOf(own);
  words[at + RECORD_META] = packMeta(0, RecordKind.PUT, 0);
  words[at + RECORD_HASH] = f.keys.hash;
  f.pool.control[f.slotAt(f.keys.hash) + SLOT_VERSION_LOW] = words[at + RECORD_VERSION_LOW]!;
  f.segments.addLive(own, f.recordBytes(own));
  assert.ok(f.table.insert(f.slotAt(f.keys.hash), f.keys.hash, own));
  return own;
}

function countOf(f: PoolFixture, key: string): number {
  assert.ok(f.find(key) !== NO_ADDRESS, key);
  return f.table.foundCount;
}

test("what was not read goes, what was read stays, word for word", () => {
  const f = evictingFixture();
  const count = fill(f, 10);
  for (let i = 0; i < count; i += 5) f.get(`key ${i}`);
  const { cleaner } = cleanerOf(f);
  const victim = f.pool.segmentOf(f.find("key 0"));
  const inVictim = Array.from({ length: count }, (_, i) => i)
    .filter((i) => f.pool.segmentOf(f.find(`key ${i}`)) === victim);
  assert.ok(cleaner.cleanOne());
  for (const i of inVictim) {
    const found = f.get(`key ${i}`);
    if (i % 5 === 0) {
      assert.equal(found?.value, valueOf(i, LENGTH), `key ${i}`);
      assert.ok(f.segments.isOfCleaner(f.pool.segmentOf(f.find(`key ${i}`))), "it is in main");
    } else assert.is(found, undefined, `key ${i}`);
  }
  assert.is(droppedCount(f.pool), inVictim.filter((i) => i % 5 !== 0).length);
  assert.ok(f.get(`key ${count - 1}`), "the youngest stay");
  checkPool(f.pool, ALL_SLOTS);
});

test("of probation it is remembered what was dropped", () => {
  const f = evictingFixture();
  fill(f, 10);
  const ghosts = Ghosts.of(f.pool)!;
  const { cleaner } = cleanerOf(f);
  assert.ok(cleaner.cleanOne());
  assert.is(f.find("key 0"), NO_ADDRESS);
  assert.is(ghosts.countOfNew(f.encode("key 0").hash), REMEMBERED_COUNT);
  assert.is(ghosts.countOfNew(f.encode("another").hash), 0);
});

test("what survives probation begins anew in main", () => {
  const f = evictingFixture();
  const count = fill(f, 4);
  for (let i = 0; i < count; i++) f.get(`key ${i}`);
  const { cleaner } = cleanerOf(f);
  // The first gain takes more than one victim: all of it was read.
  while (!f.segments.isOfCleaner(f.pool.segmentOf(f.find("key 0")))) cleaner.cleanOne();
  assert.is(countOf(f, "key 0"), 0, "a survivor of probation begins with 0");
});

test("a record is dropped under its slot's lock only", () => {
  const f = evictingFixture();
  fill(f, 10);
  const victim = f.pool.segmentOf(f.find("key 0"));
  f.encode("key 0");
  const lockAt = f.slotAt(f.keys.hash) + SLOT_LOCK;
  const unlocked = f.pool.control[lockAt]!;
  f.pool.control[lockAt] = unlocked | (OTHER_AGENT + 1);
  const { cleaner } = cleanerOf(f);
  assert.is(cleaner.doWork(), 0, "the slot is another agent's");
  assert.ok(f.find("key 0") !== NO_ADDRESS);
  assert.ok(cleaner.cleanOne(), "it goes on with another victim");
  assert.ok(f.find("key 0") !== NO_ADDRESS);
  assert.is(f.pool.segmentOf(f.find("key 0")), victim);
  f.pool.control[lockAt] = unlocked;
  assert.ok(cleaner.cleanOne());
  assert.is(f.find("key 0"), NO_ADDRESS);
  checkPool(f.pool, ALL_SLOTS);
});

test("a record that has been replaced takes nothing with it", () => {
  const f = evictingFixture();
  const count = fill(f, 10);
  assert.ok(f.put("key 0", valueOf(1000, LENGTH)));
  const { cleaner } = cleanerOf(f);
  assert.ok(cleaner.cleanOne());
  assert.equal(f.get("key 0")?.value, valueOf(1000, LENGTH));
  assert.ok(count > 8 && f.find("key 1") === NO_ADDRESS, "its neighbour is dropped");
  checkPool(f.pool, ALL_SLOTS);
});

test("the store's own key is never dropped", () => {
  const f = evictingFixture();
  const own = putOwn(f);
  const { hash } = f.keys;
  fill(f, 10);
  const { cleaner } = cleanerOf(f);
  for (let i = 0; i < 200; i++) {
    assert.ok(f.put(`more ${i}`, valueOf(i, LENGTH)));
    while (f.segments.freeCount < 6) cleaner.cleanOne();
  }
  assert.is(f.find("key 0"), NO_ADDRESS);
  const found = f.table.find(f.slotAt(hash), hash, new Int32Array(1), 0, 0);
  assert.ok(found !== NO_ADDRESS && found !== own, "it has been moved");
  checkPool(f.pool, ALL_SLOTS);
});

test("keys and those that expire are counted", () => {
  const f = evictingFixture();
  let count = 0;
  for (; f.segments.freeCount > 10; count++) {
    const expiresAtMs = count % 3 === 0 ? f.nowMs + (count % 2 === 0 ? 5 : 1e6) : Infinity;
    assert.ok(f.put(`key ${count}`, valueOf(count, LENGTH), undefined, expiresAtMs));
  }
  f.nowMs += 10;
  const { cleaner } = cleanerOf(f);
  for (let i = 0; i < 20; i++) cleaner.cleanOne();
  assert.ok(droppedCount(f.pool) > 50);
  checkPool(f.pool, ALL_SLOTS);
  let expiringCount = 0;
  for (const slot of ALL_SLOTS) {
    expiringCount += f.pool.control[f.pool.slotAt(slot) + SLOT_EXPIRING_COUNT]!;
  }
  assert.ok(expiringCount < count / 3, "those that have expired, or were dropped, are not counted");
});

for (const length of [450, 1300, 2100, 3900]) {
  test(`a gain takes at most four victims, of records of ${length} bytes that are read all the time`, () => {
    const f = evictingFixture();
    const { cleaner } = cleanerOf(f);
    // Half as many again as there is room for.
    const keys = Array.from({ length: Math.ceil(64 * 4096 * 1.5 / length) }, (_, i) => `key ${i}`);
    const readAll = () => {
      for (let read = 0; read < COUNT_MAX; read++) {
        for (const key of keys) f.reader.read(f.encode(key), true);
      }
    };
    for (const [i, key] of [...keys, ...keys].entries()) {
      assert.ok(f.put(key, valueOf(i, length)), "there is room");
      if (f.segments.freeCount >= 6) continue;
      const freeBefore = f.segments.freeCount;
      let victims = 0;
      while (f.segments.freeCount <= freeBefore) {
        readAll();
        assert.ok(cleaner.cleanOne());
        victims += 1;
        assert.ok(victims <= 4, `${victims} victims`);
      }
    }
    assert.ok(droppedCount(f.pool) > keys.length / 4, `${droppedCount(f.pool)} were dropped`);
    checkPool(f.pool, ALL_SLOTS);
  });
}

test("where there is no room at all, what would be kept is dropped", () => {
  const f = evictingFixture();
  const count = fill(f, 0);
  for (let i = 0; i < count; i++) f.get(`key ${i}`);
  const { cleaner } = cleanerOf(f);
  assert.ok(cleaner.cleanOne());
  assert.is(f.segments.freeCount, 1);
  assert.is(cleaner.movedBytes, 0);
  checkPool(f.pool, ALL_SLOTS);
});

test.run();
