/**
 * The benchmark of counters runs, at its smoke size, and says what it has measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatCounters, measureCounters } from "../bench/counters/results.ts";

test("counters are incremented by one thread and by two, and all figures are shown", async () => {
  const results = await measureCounters("smoke");
  const names = results.peers.map(({ name }) => name);
  const redis = results.omission === undefined ? ["Redis INCR (ioredis)"] : [];
  assert.equal(names, ["Dinomo", ...redis]);
  for (const { oneKey, manyKeys, twoThreads } of results.peers) {
    for (const rate of [oneKey, manyKeys, twoThreads]) assert.ok(rate > 0, `${rate}`);
  }
  const table = formatCounters(results);
  for (const name of names) assert.ok(table.includes(name), table);
  assert.is(table.includes("Redis takes no part"), results.omission !== undefined);
});

test.run();
