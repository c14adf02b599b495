/**
 * The timeline as a chart: throughput and latency over time, and what was done when.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { runtimeTitle } from "../report/chart_data.ts";
import { CONFIG, logAxis, RUNTIME_COLORS, unique } from "../report/chart_style.ts";
import { actTitle, type Scenario, TIMELINE_PLANS } from "./plan.ts";
import { runOf, type TimelineResults } from "./timeline.ts";

const WIDTH = 760;
const HEIGHT = 220;

export function timelineChart(
  all: readonly TimelineResults[],
  { name, title, acts: scenes }: Scenario,
): TopLevelSpec {
  const values = all.flatMap((results) =>
    runOf(results, name).windows.map(({ atMs, operationsPerSecond, p99Us }) => ({
      runtime: runtimeTitle(results),
      seconds: atMs / 1000,
      operationsPerSecond,
      p99Us,
    }))
  );
  const { phaseMs, windowMs } = TIMELINE_PLANS[all[0].size];
  const acts = scenes.map((act, phase) => ({
    title: actTitle(act),
    seconds: phase * phaseMs / 1000,
  }));
  const domain = unique(values.map(({ runtime }) => runtime));
  const range = all.map(({ environment }) => RUNTIME_COLORS[environment.runtime]);
  const domainSeconds: number[] = [0, scenes.length * phaseMs / 1000];
  const seconds = {
    field: "seconds",
    type: "quantitative" as const,
    title: "seconds",
    scale: { domain: domainSeconds, nice: false },
  };
  const color = {
    field: "runtime",
    type: "nominal",
    title: null,
    sort: domain,
    scale: { domain, range },
  } as const;
  const line = { type: "line", strokeWidth: 1.6, interpolate: "linear" } as const;
  const latencies = values.flatMap(({ p99Us }) => p99Us ?? []);
  const { cpu, coreCount } = all[0].environment;
  return {
    title: {
      text: title,
      subtitle: [
        `Two attached threads write and read, half and half; windows of ${windowMs} ms`,
        `${cpu}, ${coreCount} cores, ${all[0].startedAt.slice(0, 10)}`,
      ],
    },
    config: CONFIG,
    vconcat: [
      {
        width: WIDTH,
        height: HEIGHT,
        layer: [
          {
            data: { values: acts },
            mark: { type: "rule", color: "#888", strokeDash: [4, 3] },
            encoding: { x: seconds },
          },
          {
            data: { values: acts },
            mark: {
              type: "text",
              align: "left",
              baseline: "top",
              dx: 4,
              fontSize: 12,
              color: "#444",
            },
            encoding: { x: seconds, y: { value: 2 }, text: { field: "title" } },
          },
          {
            data: { values },
            mark: line,
            encoding: {
              x: seconds,
              y: {
                field: "operationsPerSecond",
                type: "quantitative",
                scale: { zero: true },
                axis: { title: "operations per second", format: "~s" },
              },
              color,
            },
          },
        ],
      },
      {
        width: WIDTH,
        height: HEIGHT,
        layer: [
          {
            data: { values: acts },
            mark: { type: "rule", color: "#888", strokeDash: [4, 3] },
            encoding: { x: seconds },
          },
          {
            data: { values },
            mark: line,
            encoding: {
              x: seconds,
              y: {
                field: "p99Us",
                type: "quantitative",
                ...logAxis(latencies, "p99 in microseconds (log scale)", "~g"),
              },
              color,
            },
          },
        ],
      },
    ],
    resolve: { scale: { color: "shared" } },
  };
}
