/**
 * The benchmark of full pools runs, at a small size, and its pools are as full as they are to be.
 * No test looks at how large a figure is: that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatFullness, measureFullness } from "../bench/fullness/fullness.ts";

const PLAN = {
  capacityBytes: 2 ** 20,
  valueBytes: 950,
  shares: [0.5, 0.9],
  repetitionCount: 2,
  repetitionMs: 20,
} as const;

test("pools are overwritten at the shares of the plan", async () => {
  const figures = await measureFullness(PLAN);
  assert.equal(figures.map(({ share }) => share), PLAN.shares);
  for (const { putsPerSecond, ratio, movedShare, stallsPerThousand } of figures) {
    assert.ok(putsPerSecond > 0 && ratio > 0 && movedShare >= 0 && stallsPerThousand >= 0);
  }
  const [half, full] = figures;
  assert.ok(Math.abs(full!.liveShare / half!.liveShare - 0.9 / 0.5) < 0.01);
  const lines = formatFullness(PLAN, figures).split("\n");
  assert.is(lines.length, 2 + PLAN.shares.length);
});

test.run();
