/**
 * The benchmark of watching runs, at its smoke size. No test looks at how large a figure is: that
 * depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatWatching, measureWatching, WAYS } from "../bench/watching/results.ts";

test("watchers are told, awake and asleep, and all figures are shown", async () => {
  const results = await measureWatching("smoke");
  assert.equal(results.ways.map(({ way }) => way), [...WAYS]);
  const table = formatWatching(results);
  for (const { way, awake, asleep } of results.ways) {
    for (const { p50Us, p99Us } of [awake, asleep]) assert.ok(p50Us > 0 && p99Us >= p50Us);
    assert.ok(table.includes(way), table);
  }
});

test.run();
