/**
 * The benchmark of handovers runs, at a small size. No test looks at how large a figure is: that
 * depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatHandovers, measureHandovers } from "../bench/handover/handover.ts";
import { THIS_RUNTIME } from "../scripts/runtimes.ts";

test("a pool is handed over with a standby and without, by one that closes and one that dies", async () => {
  const plan = { runtime: THIS_RUNTIME, keyCount: 2000, changedKeys: 10, servedMs: 0 };
  const figures = await measureHandovers(plan);
  const ways = figures.map(({ end, way, processes }) => `${end}, ${way}, ${processes}`);
  assert.equal(ways, [
    "closed, standby, false",
    "closed, opens after, false",
    "closed, standby, true",
    "closed, opens after, true",
    "killed, standby, false",
    "killed, opens after, false",
    "killed, standby, true",
    "killed, opens after, true",
  ]);
  for (const { withoutServiceMs, endMs, processorMs } of figures) {
    assert.ok(withoutServiceMs > 0 && endMs > 0 && processorMs >= 0);
  }
  assert.is(formatHandovers(figures).split("\n").length, 9);
});

test.run();
