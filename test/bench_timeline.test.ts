/**
 * The timelines run, at their smoke size, and lose nothing. No test looks at how large a figure is:
 * that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderSvg } from "../bench/report/charts.ts";
import { timelineChart } from "../bench/timeline/chart.ts";
import { actTitle, SCENARIOS } from "../bench/timeline/plan.ts";
import { formatTimeline, formatTimelinePage } from "../bench/timeline/tables.ts";
import { measureTimeline, runOf } from "../bench/timeline/timeline.ts";

const results = await measureTimeline("smoke", () => {});

for (const scenario of SCENARIOS) {
  const { name, acts } = scenario;
  const run = runOf(results, name);

  test(`${name}: everything was done in its turn, and nothing failed or was lost`, () => {
    const titles = acts.filter(({ kind }) => kind !== "none").map(actTitle);
    assert.equal(run.events.map(({ title }) => title), titles);
    assert.ok(run.events.every(({ atMs }, i) => i === 0 || atMs > run.events[i - 1].atMs));
    assert.is(run.failedCount, 0);
    assert.is(run.wrongCount, 0);
  });

  test(`${name}: windows hold what has ended in them`, () => {
    const counted = run.windows.reduce(
      (sum, { operationsPerSecond }) => sum + operationsPerSecond * 0.05,
      0,
    );
    assert.ok(counted > 0 && counted <= run.operationCount + 0.5, `${counted}`);
    for (const { operationsPerSecond, p50Us, p99Us } of run.windows) {
      assert.is(p50Us === undefined, operationsPerSecond === 0);
      if (p50Us !== undefined) assert.ok(p99Us! >= p50Us);
    }
  });

  test(`${name}: tables and chart show all of it`, async () => {
    const table = formatTimeline(results);
    const page = formatTimelinePage([results], "charts");
    const svg = await renderSvg(timelineChart([results], scenario));
    for (const { title } of run.events) {
      for (const text of [table, page, svg]) assert.ok(text.includes(title), title);
    }
  });
}

test.run();
