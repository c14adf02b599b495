/**
 * The experiments run, at their smoke size, are the same every time, and say what they must. No
 * test looks at how large a figure is.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CACHE_POLICIES } from "../bench/experiments/experiments/caching.ts";
import { measureHeadline, SYSTEMS } from "../bench/experiments/experiments/throughput.ts";
import { ELASTIC_SYSTEMS } from "../bench/experiments/experiments/timeline.ts";
import { EXPERIMENT_PLANS } from "../bench/experiments/plan.ts";
import { experimentCharts } from "../bench/experiments/report/charts.ts";
import { formatExperimentsPage } from "../bench/experiments/report/page.ts";
import { runExperiments } from "../bench/experiments/results.ts";
import { mixOf } from "../bench/experiments/workload/mix.ts";
import { renderSvg } from "../bench/report/charts.ts";

const SEED = 7;
const plan = EXPERIMENT_PLANS.smoke;
const results = runExperiments("smoke", SEED, () => {});

test("every system was measured under every load", () => {
  for (const { exponent, counts } of plan.nodeCounts) {
    for (const mix of plan.mixes) {
      for (const nodeCount of counts) {
        for (const system of SYSTEMS) {
          const rows = results.throughput.filter((row) =>
            row.system === system && row.mix === mixOf(mix).title && row.nodeCount === nodeCount &&
            row.exponent === exponent
          );
          assert.is(rows.length, 1, `${system}, ${mix}, ${nodeCount} KNs`);
        }
      }
    }
  }
});

test("figures are positive, shares are shares, and something is the limit", () => {
  const { throughput, headline, byKeyCount, caching } = results;
  for (const row of [...throughput, ...headline, ...byKeyCount, ...caching]) {
    assertPositive(row.operationsPerSecond);
    assertPositive(row.roundTripsPerOperation);
    assert.ok(row.p99Us >= row.p50Us);
    assert.ok(row.valueHitShare + row.shortcutHitShare <= 1 && row.valueHitShare >= 0);
    assertPositive(row.limit.utilization);
  }
});

test("every cache policy was measured at every size", () => {
  assert.is(results.caching.length, CACHE_POLICIES.length * plan.cacheShares.length);
});

test("the load of every KN is known, without and with selective replication", () => {
  const wanted = plan.balance.loads.flatMap((
    { exponent },
  ) => [[exponent, false], [exponent, true]]);
  assert.equal(results.balance.map(({ exponent, isSharing }) => [exponent, isSharing]), wanted);
  for (const { nodeUtilizations, threadUtilizationMax } of results.balance) {
    assert.is(nodeUtilizations.length, plan.balance.nodeCount);
    assert.ok(nodeUtilizations[0] <= threadUtilizationMax);
  }
});

test("KNs came, went and died, and the operations went on", () => {
  const { timeline } = plan;
  for (const timelines of [results.elasticity, results.failure]) {
    assert.equal(timelines.map(({ system }) => system), [...ELASTIC_SYSTEMS]);
    for (const { points } of timelines) {
      assert.is(points.length, timeline.endMs / timeline.intervalMs);
      assertPositive(points[points.length - 1].operationsPerSecond);
    }
  }
  for (const { changes } of results.elasticity) {
    assert.equal(changes.map(({ what }) => what), ["add 1", "remove 1"]);
  }
  for (const { changes } of results.failure) {
    assert.ok(changes[0].durationMs >= timeline.detectionMs);
    assert.is(changes[0].what, "one dies");
  }
});

test("the same seed gives the same figures, another one others", () => {
  assert.equal(measureHeadline(plan, SEED, () => {}), results.headline);
  assert.not.equal(measureHeadline(plan, SEED + 1, () => {}), results.headline);
});

test("page and charts are made of the figures", async () => {
  const page = formatExperimentsPage(results);
  for (const name of [...SYSTEMS, ...ELASTIC_SYSTEMS]) assert.match(page, name);
  for (const [name, chart] of experimentCharts(results)) {
    assert.match(page, `charts/${name}.svg`);
    assert.match(await renderSvg(chart), "<svg");
  }
});

test.run();

function assertPositive(figure: number): void {
  assert.ok(figure > 0 && Number.isFinite(figure), String(figure));
}
