/**
 * The race: two threads put and remove keys of their own in the ordered index, in pages of few
 * entries, while a third one scans.
 *
 * The invariant: a scan sees every key that is there all the time once, and keys in their order.
 *
 * Allowed outcomes: of the keys that are put and removed meanwhile any may be seen. When all are
 * removed, the tree holds the keys that were there all the time, and nothing is wrong with it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { RECORD_HASH } from "../../lib/log/record_layout.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { OrderedFixture } from "../support/ordered_fixture.ts";
import { bytesOfText, KEY_MAKERS, sorted } from "../support/ordered_keys.ts";
import { type OrderedRaceData, OrderedRacer } from "../support/ordered_race.ts";
import { race } from "../support/outcome_race.ts";
import { seeded } from "../support/random.ts";

const KEY_COUNT = 900;
const CHANGES = 8000;
const SCANS = 20;

test(
  "scans see what is there all the time, whatever threads put and remove",
  seeded(async (random) => {
    const fixture = OrderedFixture.make({ segmentCount: 512 }, { entriesMax: random.pick([4, 9]) });
    const kinds = ["digits", "of some tenants", "of everything", "short, of odd bytes"] as const;
    const make = KEY_MAKERS[random.pick(kinds)]!;
    const texts = new Set<string>();
    for (let i = 0; texts.size < KEY_COUNT && i < 8 * KEY_COUNT; i++) {
      const text = make(random, i);
      if (text !== "") texts.add(text);
    }
    const own: PoolAddress[][] = [[], []];
    const constant: string[] = [];
    const main = fixture.writer(2);
    for (const text of sorted(texts)) {
      const record = fixture.record(bytesOfText(text));
      const words = fixture.pool.wordsOf(record);
      const slot = words[fixture.pool.wordAt(record) + RECORD_HASH]! >>> 20;
      if (slot % 3 < 2) own[slot % 3]!.push(record);
      else {
        assert.ok(main.insert(record));
        constant.push(text);
      }
    }
    const data = { pool: fixture.pool.handle, own: [], constant };
    const scanner = new OrderedRacer({ ...data, agent: 2 });
    await race(
      "ordered",
      own.map((records, agent) => ({
        name: "ordered",
        quota: CHANGES,
        data: { ...data, agent, own: records } satisfies OrderedRaceData,
      })),
      SCANS,
      (turns) => {
        while (turns.next()) scanner.scan(turns.count % 2 === 0);
      },
    );
    assert.is(scanner.scan(false), constant.length);
    const report = checkOrderedIndex(fixture.pool);
    assert.equal(report.problems, []);
    assert.is(report.entries, constant.length);
    assert.is(report.dormantPages, 0);
  }),
);

test.run();
