/**
 * The benchmark of handovers runs, at a small size, with one of the ways in which old processes
 * end. No test looks at how large a figure is: that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatHandovers, measureHandovers } from "../bench/handover/handover.ts";
import { THIS_RUNTIME } from "../scripts/runtimes.ts";
import { SEED } from "./support/random.ts";

test("a pool is handed over with a standby and without, by one that closes or one that dies", async () => {
  const end = SEED % 2 === 0 ? "closed" : "killed";
  const plan = {
    runtime: THIS_RUNTIME,
    ends: [end],
    keyCount: 2000,
    changedKeys: 10,
    servedMs: 0,
  } as const;
  const figures = await measureHandovers(plan);
  const ways = figures.map(({ end, way, processes }) => `${end}, ${way}, ${processes}`);
  assert.equal(ways, [
    `${end}, standby, false`,
    `${end}, opens after, false`,
    `${end}, standby, true`,
    `${end}, opens after, true`,
  ]);
  for (const { withoutServiceMs, endMs, processorMs } of figures) {
    assert.ok(withoutServiceMs > 0 && endMs > 0 && processorMs >= 0);
  }
  assert.is(formatHandovers(figures).split("\n").length, 5);
});

test.run();
