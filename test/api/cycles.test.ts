/**
 * Stores that are opened and closed, and threads that attach and leave, leave nothing behind: no
 * threads, and no descriptors.
 *
 * `npm run cycles -- 200` does more of it, and looks at the memory: heaps and allocators grow by
 * more than a leak of a few cycles before they keep their size.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CYCLE_KINDS, Cycles, growthOf } from "../support/cycles.ts";

/** For each kind. */
const LIMIT = { warmUpCount: 4, cycleCount: 8, ms: 500 };

for (const { name, run } of CYCLE_KINDS) {
  test(`${name}: everything is given back`, async () => {
    const report = await run(new Cycles(LIMIT));
    const { cycleCount, before, after } = report;
    assert.ok(cycleCount > 0);
    if (before.threadCount === undefined) console.log("no /proc: threads and descriptors unknown");
    const grown = growthOf(before, after).filter((what) => what !== "memory");
    assert.equal(grown, [], JSON.stringify(report));
  });
}

test.run();
