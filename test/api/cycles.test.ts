/**
 * Stores that are opened and closed, and threads that attach and leave, leave nothing behind: no threads, no descriptors, no memory.
 *
 * `npm run cycles -- 200` does more of it. Where there is no /proc, only the memory is looked at.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CYCLE_KINDS, Cycles, RSS_GROWTH_BYTES_MAX } from "../support/cycles.ts";

/** For each kind. */
const CYCLE_COUNT_MAX = 30;
const CYCLES_MS_MAX = 1500;

for (const { name, run } of CYCLE_KINDS) {
  test(`${name}: everything is given back`, async () => {
    const report = await run(new Cycles({ cycleCount: CYCLE_COUNT_MAX, ms: CYCLES_MS_MAX }));
    const { cycleCount, before, after } = report;
    const figures = JSON.stringify(report);
    assert.ok(cycleCount > 0);
    if (before.threadCount === undefined) console.log("no /proc: threads and descriptors unknown");
    else {
      assert.ok(after.threadCount! <= before.threadCount, figures);
      assert.ok(after.descriptorCount! <= before.descriptorCount!, figures);
    }
    assert.ok(after.rssBytes <= before.rssBytes + RSS_GROWTH_BYTES_MAX, figures);
  });
}

test.run();
