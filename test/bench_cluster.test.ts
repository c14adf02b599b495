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
  const all = Object.keys(results.figures[0]!.figures);
  for (const name of NAMES) assert.ok(all.includes(name), name);
  for (const { figures } of results.figures) {
    assert.equal(Object.keys(figures), all);
    for (const name of all) assert.ok(figures[name]! > 0, name);
  }
  const { killedMs, joinedMs, closedMs, calmMs, failed } = results.changes;
  assert.is(failed, 0);
  for (const ms of [killedMs, joinedMs, closedMs]) assert.ok(ms > 0);
  assert.ok(calmMs >= 0);
  const table = formatCluster(results);
  for (const { way } of results.figures) assert.ok(table.includes(way), table);
  const single = all.filter((name) => /^(Valkey|Redis) .*, (everysec|always)$/.test(name));
  assert.is(all.length, NAMES.length + single.length);
  for (const name of single) assert.match(table, new RegExp(`own keys .* x of .*${name}`));
  if (single.length === 0) assert.match(table, /neither valkey-server nor redis-server/);
  assert.match(table, /ms when an owner is killed \(lease 3000 ms\)/);
});

test.run();
