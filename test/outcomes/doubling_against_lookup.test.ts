/**
 * The race: a writer inserts thousands of keys into one slot, whose table doubles nine times on the
 * way, grows overflow chains and compacts them, while keys are deleted and put again; another
 * thread looks up keys that it knows to exist. Then the same with the next slot.
 *
 * The invariant: every change of the index is valid at every instant (I8), and a reader that raced
 * with the reuse or the rearrangement of a table notices and starts over (I6).
 *
 * Allowed outcomes of a lookup: the value of a key that was inserted before the lookup began; for a
 * key that is deleted and put again all the time also nothing; nothing for a key that was never
 * inserted. A miss of a key that exists fails, and so does the value of any other key.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { race } from "../support/outcome_race.ts";
import { mixBelow } from "../support/outcome_random.ts";
import type { TablesData, TablesReport } from "../support/outcome_tables.ts";
import {
  encodeTableKey,
  isVolatile,
  TABLE_KEYS,
  tableTag,
  unpackTableProgress,
} from "../support/outcome_table_keys.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const LOOKUPS = 1_000_000;
const ROUNDS = 250;

test("no lookup misses a key while tables double, compact and churn", async () => {
  const fixture = new PoolFixture({ segmentCount: 2048, segmentBytes: 64 * 1024 });
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const data: TablesData = {
    pool: fixture.pool.handle,
    progress: progress.buffer as SharedArrayBuffer,
  };
  const { reader, keys } = fixture;
  let volatileCount = 0;

  function check(round: number, i: number, insertedCount: number): void {
    const isFound = reader.read(encodeTableKey(round, i, keys), true);
    const context = `key ${i} of round ${round}, ${insertedCount} inserted`;
    if (!isFound) {
      if (isVolatile(i) || i >= TABLE_KEYS) return;
      throw new Error(`${context}: is lost`);
    }
    if (i >= TABLE_KEYS) throw new Error(`${context}: was never inserted, and found`);
    const { value, valueBytes } = reader;
    const tag = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
    if (valueBytes !== 8 || tag !== tableTag(round, i)) {
      throw new Error(`${context}: got ${valueBytes} bytes, tag ${tag}`);
    }
    if (isVolatile(i)) volatileCount += 1;
  }

  const [report] = await race(
    "doubling",
    [{ name: "tables", quota: ROUNDS, data }],
    LOOKUPS,
    (turns) => {
      while (turns.next()) {
        const { round, insertedCount } = unpackTableProgress(Atomics.load(progress, 0));
        if (insertedCount === 0) continue;
        const { count } = turns;
        // One in sixteen was never inserted; one in four is among the newest, which a doubling has
        // just moved.
        const i = count % 16 === 0
          ? TABLE_KEYS + (count % 1000)
          : count % 4 === 0
          ? Math.max(0, insertedCount - 1 - mixBelow(count, 1, 8))
          : mixBelow(count, 2, insertedCount);
        check(round, i, insertedCount);
      }
    },
  ) as [TablesReport];
  assert.ok(report.rounds >= ROUNDS, `${report.rounds} tables were filled`);
  assert.ok(report.compactions >= ROUNDS, `${report.compactions} compactions`);
  assert.ok(volatileCount > 0, "keys that come and go were found, too");
});

test.run();
