/**
 * The benchmark of a cluster runs, at its smoke size, and says what it has measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NAMES } from "../bench/cluster/contestants.ts";
import { formatCluster, measureCluster } from "../bench/cluster/results.ts";

test("a cluster is timed beside JetStream's own store, and while nodes come and go", async () => {
  const results = await measureCluster("smoke");
  assert.is(results.figures.length, 3);
  for (const { figures } of results.figures) {
    for (const name of NAMES) assert.ok(figures[name]! > 0, name);
  }
  const { killedMs, joinedMs, calmMs, failed } = results.changes;
  assert.is(failed, 0);
  for (const ms of [killedMs, joinedMs]) assert.ok(ms > 0);
  assert.ok(calmMs >= 0);
  const table = formatCluster(results);
  for (const { way } of results.figures) assert.ok(table.includes(way), table);
  assert.match(table, /ms when an owner is killed \(lease 3000 ms\)/);
});

test.run();
