/**
 * The benchmarks of several threads run, at their smoke size, and lose nothing. No test looks at
 * how large a figure is: that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderSvg } from "../bench/report/charts.ts";
import { visibilityChart } from "../bench/threads/chart.ts";
import { THREADS_PLANS } from "../bench/threads/plan.ts";
import { measureThreads } from "../bench/threads/results.ts";
import { formatThreads, formatThreadsPage } from "../bench/threads/tables.ts";
import { WAYS } from "../bench/threads/visibility.ts";

const results = await measureThreads("smoke", () => {});

test("one thread and two have read, and have worked on their own", () => {
  assert.equal(
    results.reads.map(({ work }) => work),
    ["getSync 100 B", "nothing shared", "getSync 1 KiB"],
  );
  for (const { oneThread, twoThreads, ratio, bestRatio } of results.reads) {
    assertPositive(oneThread);
    assertPositive(twoThreads);
    assert.is(ratio, twoThreads / oneThread);
    assertPositive(bestRatio);
  }
});

test("a write was seen in every way, and a message as well", () => {
  assert.equal(results.visibility.map(({ way }) => way), [...WAYS]);
  for (const { oneWay, messageRatio } of results.visibility) {
    assertPositive(oneWay.p50Us);
    assert.ok(oneWay.p99Us >= oneWay.p50Us);
    assertPositive(messageRatio);
  }
});

test("KNs were killed, and nothing was lost, doubled or refused", () => {
  assert.equal(results.failover.map(({ help }) => help), [true, false]);
  for (const figures of results.failover) {
    assert.is(figures.killCount, THREADS_PLANS.smoke.killCount);
    assert.is(figures.failedCount, 0);
    assert.is(figures.lostOrDoubledCount, 0);
    assertPositive(figures.operationCount);
    assertPositive(figures.noticed.medianMs);
    assertPositive(figures.recovered.medianMs);
    assert.ok(figures.settled.maxMs >= figures.settled.medianMs);
  }
});

test("tables and chart show all of it", async () => {
  const tables = formatThreads(results);
  const page = formatThreadsPage([results], "charts/visibility.svg");
  for (const { way } of results.visibility) {
    assert.match(tables, way);
    assert.match(page, way);
  }
  assert.match(await renderSvg(visibilityChart([results])), "postMessage");
});

test.run();

function assertPositive(figure: number): void {
  assert.ok(figure > 0 && Number.isFinite(figure), String(figure));
}
