/**
 * What a replay does with a record that the index has already: it follows a copy, and nothing that
 * is older.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Applied, applyRecord } from "../../lib/agent/apply_record.ts";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { copyWords } from "../../lib/core/copy_words.ts";
import { PUT_SEGMENT_RESERVE } from "../../lib/core/limits.ts";
import { ReplayedSlots } from "../../lib/persistence/replayed_slots.ts";
import { PoolFixture, valueOf } from "../support/pool_fixture.ts";

/** Writes a copy of a record, as a cleaner does. */
function copyOf(f: PoolFixture, record: PoolAddress): PoolAddress {
  const { pool } = f;
  const words = f.recordBytes(record) / 4;
  const copy = f.log.reserve(words, PUT_SEGMENT_RESERVE);
  copyWords(
    pool.wordsOf(record),
    pool.wordAt(record),
    pool.wordsOf(copy),
    pool.wordAt(copy),
    words,
  );
  return copy;
}

test("a replay follows a record to the copy that a cleaner has made", () => {
  const f = new PoolFixture();
  f.put("a", valueOf(1));
  const copy = copyOf(f, f.find("a"));
  assert.is.not(copy, f.find("a"));
  assert.is(applyRecord(new ReplayedSlots(f.pool), copy), Applied.DONE);
  assert.is(f.find("a"), copy);
  assert.equal(f.get("a")?.value, valueOf(1));
});

test("a replay does not follow a copy of what was replaced since", () => {
  const f = new PoolFixture();
  f.put("a", valueOf(1));
  const copy = copyOf(f, f.find("a"));
  f.put("a", valueOf(2));
  const newest = f.find("a");
  assert.is(applyRecord(new ReplayedSlots(f.pool), copy), Applied.OLDER);
  assert.is(f.find("a"), newest);
});

test.run();
