/**
 * Stores that are opened and closed, and threads that attach and leave, leave nothing behind: no threads, no descriptors, no memory.
 *
 * `npm run cycles -- 200` does more of it. Where there is no /proc, only the memory is looked at.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CYCLE_KINDS, Cycles, growthOf } from "../support/cycles.ts";

/** For each kind. */
const LIMIT = { warmUpCount: 5, cycleCount: 20, ms: 1500 };

for (const { name, run } of CYCLE_KINDS) {
  test(`${name}: everything is given back`, async () => {
    const report = await run(new Cycles(LIMIT));
    const { cycleCount, before, after } = report;
    assert.ok(cycleCount > 0);
    if (before.threadCount === undefined) console.log("no /proc: threads and descriptors unknown");
    assert.equal(growthOf(before, after), [], JSON.stringify(report));
  });
}

test.run();
