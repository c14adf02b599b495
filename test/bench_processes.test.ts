/**
 * The benchmark of several processes runs, at its smoke size, and says what it has measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatProcesses, measureProcesses } from "../bench/processes/results.ts";

test("reads and writes are timed, one by one, blocking, and many at once", async () => {
  const results = await measureProcesses("smoke");
  assert.is(results.figures.length, 10);
  for (const { way, micros } of results.figures) {
    assert.ok(micros["Dinomo"]! > 0);
    if (!way.startsWith("getSync")) assert.ok(micros["process.send"]! > 0);
  }
  const table = formatProcesses(results);
  for (const { way } of results.figures) assert.ok(table.includes(way), table);
  for (const omission of results.omissions) assert.match(omission, /takes no part: /);
});

test.run();
