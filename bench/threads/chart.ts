/**
 * A chart of how soon another thread sees a write, under every runtime, beside a message.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { runtimeTitle } from "../report/chart_data.ts";
import { CONFIG, logAxis, RUNTIME_COLORS, unique } from "../report/chart_style.ts";
import type { ThreadsResults } from "./results.ts";
import { WAYS } from "./visibility.ts";

const ROW_HEIGHT = 40;
const WIDTH = 620;

export function visibilityChart(all: readonly ThreadsResults[]): TopLevelSpec {
  const values = all.flatMap((results) =>
    results.visibility.map(({ way, oneWay }) => ({
      way,
      runtime: runtimeTitle(results),
      ...oneWay,
    }))
  );
  const domain = unique(values.map(({ runtime }) => runtime));
  const range = all.map(({ environment }) => RUNTIME_COLORS[environment.runtime]);
  const x = {
    field: "p50Us",
    type: "quantitative",
    ...logAxis(
      values.flatMap(({ p50Us, p99Us }) => [p50Us, p99Us]),
      "microseconds (log scale)",
      "~g",
    ),
  } as const;
  return {
    title: {
      text: "From the call until another thread sees the value",
      subtitle: "Dot: p50; tick: p99; further left is faster",
    },
    config: CONFIG,
    width: WIDTH,
    height: WAYS.length * ROW_HEIGHT,
    data: { values },
    encoding: {
      y: { field: "way", type: "nominal", sort: [...WAYS], title: null, axis: { grid: true } },
      yOffset: { field: "runtime", type: "nominal", sort: domain },
      color: {
        field: "runtime",
        type: "nominal",
        title: null,
        sort: domain,
        scale: { domain, range },
      },
    },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.6 },
        encoding: { x, x2: { field: "p99Us" } },
      },
      { mark: { type: "point", filled: true, size: 60, opacity: 1 }, encoding: { x } },
      {
        mark: { type: "tick", thickness: 2, size: 8 },
        encoding: { x: { field: "p99Us", type: "quantitative" } },
      },
    ],
  };
}
