/**
 * The benchmark of Deno KV runs, at its smoke size, and says what it has measured.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatKvs, measureKvs } from "../bench/deno_kv/results.ts";

test("operations are timed, one by one and many at once, beside those of Deno's own", async () => {
  const results = await measureKvs("smoke");
  assert.is(results.dinomo.length, 5);
  assert.equal(results.deno?.map(({ way }) => way), results.dinomo.map(({ way }) => way));
  for (const { awaited, atOnce } of [...results.dinomo, ...results.deno!]) {
    assert.ok(awaited > 0 && atOnce > 0);
  }
  const table = formatKvs(results);
  for (const { way } of results.dinomo) assert.ok(table.includes(way), table);
  const alone = formatKvs({ ...results, deno: undefined });
  assert.match(alone, /Deno is not installed/);
});

test.run();
