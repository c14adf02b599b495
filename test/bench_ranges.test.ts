/**
 * The benchmark of ranges runs, at a small size. No test looks at how large a figure is: that
 * depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatRanges, measureRanges } from "../bench/ranges/ranges.ts";

test("puts, ranges and passes are timed, beside those of LMDB", async () => {
  const plan = { keyCount: 200, roundCount: 3, rangeCount: 20 };
  const figures = await measureRanges({ ...plan, values: "small", withPuts: true });
  const names = Object.keys(figures);
  assert.is(names.length, 25);
  assert.ok(names.includes("range of 10 with values, lmdb"));
  assert.ok(names.includes("range of 10 with values, lmdb with sharedStructuresKey"));
  for (const [name, micros] of Object.entries(figures)) assert.ok(micros > 0, name);
  assert.is(formatRanges(figures).split("\n").length, 2 + names.length);
  const bytes = Object.keys(await measureRanges({ ...plan, values: "bytes", withPuts: false }));
  assert.is(bytes.length, 14, "bytes have no names that could be kept apart");
});

test.run();
