/**
 * A chart of the round trips per read by the size of the cache: a panel for each way and skew of
 * choosing keys, a line for each policy.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { CONFIG } from "../report/chart_style.ts";
import type { CacheResults } from "./measure.ts";
import { POLICY_CHOICES } from "./simulate.ts";

/** The policies that decide stand out; static ones are shades of grey. */
const COLORS: Record<string, string> = {
  "marginal": "#d62728",
  "dac": "#1f77b4",
  "s3fifo": "#2ca02c",
  "wtinylfu": "#9467bd",
  "values": "#1a1a1a",
  "split 75 %": "#555555",
  "split 50 %": "#888888",
  "split 25 %": "#aaaaaa",
  "shortcuts": "#c8c8c8",
};

const PANEL = { width: 210, height: 150 };

/** Draws the traces with values of 1 KiB and a few writes. */
export function cacheChart(results: CacheResults): TopLevelSpec {
  const names = POLICY_CHOICES.map(({ name }) => name);
  const values = results.rows
    .filter(({ sizes, writeShare }) => sizes === "1 KiB" && writeShare === 0.05)
    .flatMap(({ kind, zipf, budgetShare, figures }) =>
      POLICY_CHOICES.map(({ name, isStatic }) => ({
        kind,
        zipf: `Zipf ${zipf}`,
        budgetPercent: budgetShare * 100,
        policy: name,
        isStatic,
        rtsPerRead: figures[name].rtsPerRead,
      }))
    );
  return {
    title: {
      text: "Round trips per read, by policy and size of the cache",
      subtitle: "Values of 1 KiB, 95 % reads; lower is better; dashed: static policies",
    },
    config: CONFIG,
    data: { values },
    facet: {
      row: {
        field: "kind",
        type: "nominal",
        title: null,
        sort: ["steady", "scans", "shifting"],
      },
      column: { field: "zipf", type: "nominal", title: null },
    },
    spec: {
      ...PANEL,
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: {
          field: "budgetPercent",
          type: "quantitative",
          scale: { type: "log", nice: false },
          axis: {
            title: "cache, % of the data",
            values: [0.1, 0.3, 1, 3, 10, 30],
            format: "~g",
          },
        },
        y: {
          field: "rtsPerRead",
          type: "quantitative",
          axis: { title: "RTs per read" },
        },
        color: {
          field: "policy",
          type: "nominal",
          title: null,
          sort: names,
          scale: { domain: names, range: names.map((name) => COLORS[name]) },
        },
        strokeDash: {
          field: "isStatic",
          type: "nominal",
          legend: null,
          scale: { domain: [false, true], range: [[1, 0], [4, 3]] },
        },
      },
    },
    resolve: { scale: { y: "independent" } },
  };
}
