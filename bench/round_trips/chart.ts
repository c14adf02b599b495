/**
 * Round trips of a cluster beside the experiments' prediction, drawn.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { CONFIG } from "../report/chart_style.ts";
import type { RoundTripsResults } from "./results.ts";

const PREDICTED = "the experiments' model";
const MEASURED = "a cluster, on the wire";
const COLORS: Record<string, string> = { [PREDICTED]: "#1f77b4", [MEASURED]: "#d62728" };

/** One line each, by the number of nodes, and where 10 % more and less than predicted are. */
export function roundTripsChart({ rows }: RoundTripsResults): TopLevelSpec {
  const counts = rows.map(({ nodeCount }) => nodeCount);
  const x = {
    field: "nodeCount",
    type: "quantitative" as const,
    scale: { type: "log" as const, base: 2, domain: [Math.min(...counts), Math.max(...counts)] },
    axis: { title: "nodes (log scale)", values: [...new Set(counts)], format: "d" },
  };
  const values = rows.flatMap(({ nodeCount, predicted, wire }) => [
    { nodeCount, what: PREDICTED, roundTrips: predicted.operation.roundTripsEach },
    { nodeCount, what: MEASURED, roundTrips: wire.operation.roundTripsEach },
  ]);
  const band = rows.map(({ nodeCount, predicted: { operation } }) => ({
    nodeCount,
    least: 0.9 * operation.roundTripsEach,
    most: 1.1 * operation.roundTripsEach,
  }));
  const axis = { title: "round trips per operation" };
  const names = [PREDICTED, MEASURED];
  return {
    title: {
      text: "Round trips per operation of a cluster",
      subtitle: [
        "95/5 update, Zipf 0.99, each node caches 1 % of the data; lower is better",
        "The band is 10 % around what the model predicts",
      ],
    },
    config: CONFIG,
    width: 560,
    height: 280,
    layer: [
      {
        data: { values: band },
        mark: { type: "area", opacity: 0.15, color: COLORS[PREDICTED]! },
        encoding: {
          x,
          y: { field: "least", type: "quantitative", axis, scale: { zero: true } },
          y2: { field: "most" },
        },
      },
      {
        data: { values },
        mark: { type: "line", point: { size: 70, filled: true } },
        encoding: {
          x,
          y: { field: "roundTrips", type: "quantitative", axis },
          color: {
            field: "what",
            type: "nominal",
            title: null,
            sort: names,
            scale: { domain: names, range: names.map((name) => COLORS[name]!) },
            legend: { orient: "bottom" },
          },
        },
      },
    ],
  };
}
