/**
 * The benchmark of the cache policies runs, at its smoke size, and says the same every time.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cacheChart } from "../bench/cache/chart.ts";
import { measureCaches, summarize } from "../bench/cache/measure.ts";
import { POLICY_CHOICES } from "../bench/cache/simulate.ts";
import { formatCaches, formatCachesPage } from "../bench/cache/tables.ts";
import { makeTrace, zipfRanks } from "../bench/cache/trace.ts";
import { renderSvg } from "../bench/report/charts.ts";
import { createRandom } from "../bench/workloads/random.ts";

const results = measureCaches("smoke", 1, () => {});

test("every policy has figures for every trace and budget, and they add up", () => {
  assert.is(results.rows.length, 2 * 3 * 2);
  for (const { figures, bestStaticRts } of results.rows) {
    for (const { name } of POLICY_CHOICES) {
      const { rtsPerRead, valueHitRatio, shortcutHitRatio, valueByteShare } = figures[name];
      const missRatio = 1 - valueHitRatio - shortcutHitRatio;
      assert.ok(missRatio >= 0 && valueByteShare >= 0 && valueByteShare <= 1, name);
      // A miss costs two round trips or three.
      assert.ok(rtsPerRead >= shortcutHitRatio + 2 * missRatio - 1e-9, name);
      assert.ok(rtsPerRead <= shortcutHitRatio + 3 * missRatio + 1e-9, name);
      if (name === "values") assert.ok(rtsPerRead >= bestStaticRts);
    }
  }
  assert.is(summarize(results.rows).length, POLICY_CHOICES.length);
});

test("the same seed gives the same figures", () => {
  assert.equal(measureCaches("smoke", 1, () => {}), results);
  assert.not.equal(measureCaches("smoke", 2, () => {}).rows, results.rows);
});

test("ranks have the frequencies of a Zipf distribution", () => {
  const rank = zipfRanks(createRandom(1), 100, 0.99);
  const counts = new Int32Array(100);
  for (let i = 0; i < 100_000; i++) counts[rank()] += 1;
  const harmonic = Array.from({ length: 100 }, (_, i) => (i + 1) ** -0.99)
    .reduce((sum, share) => sum + share, 0);
  for (const i of [0, 1, 9, 49]) {
    const expected = 100_000 * (i + 1) ** -0.99 / harmonic;
    assert.ok(Math.abs(counts[i] - expected) < 5 * Math.sqrt(expected), `rank ${i}`);
  }
});

test("traces write their share, scan one key after the other, and shift", () => {
  const base = { keyCount: 1000, operationCount: 20_000, zipf: 2, writeShare: 0.5, seed: 1 };
  const steady = makeTrace({ ...base, kind: "steady" });
  const writeCount = steady.writes.reduce((sum, write) => sum + write, 0);
  assert.ok(Math.abs(writeCount - 10_000) < 500);
  const scans = makeTrace({ ...base, kind: "scans" });
  const inSequence = scans.keys.reduce(
    (sum, key, i) => sum + (key === (scans.keys[i - 1] + 1) % 1000 ? 1 : 0),
    0,
  );
  assert.ok(inSequence > 0.1 * 20_000 && inSequence < 0.4 * 20_000, `${inSequence}`);
  const shifting = makeTrace({ ...base, kind: "shifting" });
  const favourite = (from: number) => {
    const counts = new Int32Array(1000);
    for (const key of shifting.keys.subarray(from, from + 2000)) counts[key] += 1;
    return counts.indexOf(Math.max(...counts));
  };
  assert.is(new Set([0, 2000, 4000, 6000].map(favourite)).size, 4);
});

test("tables and chart show all of it", async () => {
  const tables = formatCaches(results);
  const page = formatCachesPage(results, "charts/caches.svg");
  const svg = await renderSvg(cacheChart(results));
  for (const { name } of POLICY_CHOICES) {
    assert.match(tables, name);
    assert.match(page, name);
    assert.match(svg, name);
  }
});

test.run();
