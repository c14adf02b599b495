/**
 * The benchmark of atomic commits runs, at its smoke size, and says what it has measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatCommits, measureCommits } from "../bench/commits/results.ts";

test("commits, puts and transactions are timed, and reads beside them", async () => {
  const results = await measureCommits("smoke");
  assert.ok(results.commits.length >= 5);
  for (const { microseconds, atOnceMicroseconds } of results.commits) {
    assert.ok(microseconds > 0 && atOnceMicroseconds > 0);
  }
  const table = formatCommits(results);
  for (const { way } of results.commits) assert.ok(table.includes(way), table);
  for (const { p99Us } of Object.values(results.reads)) assert.ok(p99Us > 0);
});

test.run();
