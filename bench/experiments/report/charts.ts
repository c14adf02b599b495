/**
 * The figures of the experiments as charts.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { CONFIG, unique } from "../../report/chart_style.ts";
import { CACHE_POLICIES } from "../experiments/caching.ts";
import { SYSTEMS, type ThroughputRow } from "../experiments/throughput.ts";
import { ELASTIC_SYSTEMS, type Timeline } from "../experiments/timeline.ts";
import type { ExperimentResults } from "../results.ts";

const SYSTEM_COLORS: Record<string, string> = {
  "Dinomo": "#d62728",
  "Dinomo-S": "#1f77b4",
  "Dinomo-N": "#9467bd",
  "Clover": "#2ca02c",
};
const POLICY_COLORS = [
  "#d62728",
  "#ff7f0e",
  "#08306b",
  "#2ca02c",
  "#c6dbef",
  "#9ecae1",
  "#6baed6",
  "#2171b5",
];
const MILLION = 1e6;

/** All charts, by the names of their files. */
export function experimentCharts(results: ExperimentResults): Map<string, TopLevelSpec> {
  return new Map([
    ["experiments-throughput", throughputChart(results.throughput)],
    ["experiments-round-trips", roundTripsChart(results.throughput)],
    ["experiments-caching", cachingChart(results)],
    ["experiments-elasticity", timelineChart(results.elasticity, "The load doubles and halves")],
    ["experiments-balance", balanceChart(results)],
    ["experiments-failure", timelineChart(results.failure, "A KN dies")],
  ]);
}

function colors(names: readonly string[]) {
  return {
    field: "system",
    type: "nominal" as const,
    title: null,
    sort: [...names],
    scale: { domain: [...names], range: names.map((name) => SYSTEM_COLORS[name]) },
  };
}

function nodeAxis(counts: readonly number[]) {
  return {
    field: "nodeCount",
    type: "quantitative" as const,
    scale: { type: "log" as const, base: 2, domain: [Math.min(...counts), Math.max(...counts)] },
    axis: { title: "KNs (log scale)", values: [1, 2, 4, 8, 16, 32, 64, 128], format: "d" },
  };
}

function throughputChart(rows: readonly ThroughputRow[]): TopLevelSpec {
  const values = rows.map((row) => ({
    system: row.system,
    mix: row.mix,
    skew: `Zipf ${row.exponent}`,
    nodeCount: row.nodeCount,
    millions: row.operationsPerSecond / MILLION,
  }));
  return {
    title: {
      text: "Throughput by the number of KNs, virtual time",
      subtitle: "Million operations per second; higher is better. Rows: skew; columns: mix",
    },
    config: CONFIG,
    data: { values },
    facet: {
      row: {
        field: "skew",
        type: "nominal",
        title: null,
        sort: unique(values.map(({ skew }) => skew)),
      },
      column: {
        field: "mix",
        type: "nominal",
        title: null,
        sort: unique(values.map(({ mix }) => mix)),
      },
    },
    spec: {
      width: 170,
      height: 150,
      mark: { type: "line", point: true },
      encoding: {
        x: nodeAxis(values.map(({ nodeCount }) => nodeCount)),
        y: { field: "millions", type: "quantitative", axis: { title: "M/s" } },
        color: colors(SYSTEMS),
      },
    },
    resolve: { scale: { y: "shared" } },
  };
}

function roundTripsChart(rows: readonly ThroughputRow[]): TopLevelSpec {
  const values = rows
    .filter(({ exponent, mix }) => exponent === 0.99 && mix === "95/5 update")
    .map(({ system, nodeCount, roundTripsPerOperation }) => ({
      system,
      nodeCount,
      roundTripsPerOperation,
    }));
  return {
    title: {
      text: "Round trips per operation by the number of KNs",
      subtitle: "95/5 update, Zipf 0.99, each KN caches 1 % of the data; lower is better",
    },
    config: CONFIG,
    width: 560,
    height: 280,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: nodeAxis(values.map(({ nodeCount }) => nodeCount)),
      y: {
        field: "roundTripsPerOperation",
        type: "quantitative",
        axis: { title: "round trips per operation" },
      },
      color: colors(SYSTEMS),
    },
  };
}

function cachingChart({ caching }: ExperimentResults): TopLevelSpec {
  const domain = CACHE_POLICIES.map(({ name }) => name);
  const values = caching.map(({ policy, share, roundTripsPerOperation }) => ({
    policy,
    percent: share * 100,
    roundTripsPerOperation,
  }));
  return {
    title: {
      text: "Round trips per operation by the size of the cache",
      subtitle: "One KN, 95/5 update, Zipf 0.99; lower is better",
    },
    config: CONFIG,
    width: 560,
    height: 320,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: {
        field: "percent",
        type: "quantitative",
        scale: { type: "log", base: 2, nice: false },
        axis: {
          title: "cache, % of the data (log scale)",
          values: unique(values.map(({ percent }) => String(percent))).map(Number),
          format: "~g",
        },
      },
      y: {
        field: "roundTripsPerOperation",
        type: "quantitative",
        axis: { title: "round trips per operation" },
      },
      color: {
        field: "policy",
        type: "nominal",
        title: null,
        sort: domain,
        scale: { domain, range: POLICY_COLORS },
      },
    },
  };
}

function timelineChart(timelines: readonly Timeline[], text: string): TopLevelSpec {
  const values = timelines.flatMap(({ system, points }) =>
    points.map(({ atMs, operationsPerSecond }) => ({
      system,
      atMs,
      millions: operationsPerSecond / MILLION,
    }))
  );
  const marks = timelines[0].changes.map(({ what, beginMs }) => ({ what, atMs: beginMs }));
  return {
    title: { text, subtitle: "Throughput over virtual time; higher is better" },
    config: CONFIG,
    width: 720,
    height: 280,
    layer: [
      {
        data: { values },
        mark: { type: "line", strokeWidth: 1.5 },
        encoding: {
          x: { field: "atMs", type: "quantitative", axis: { title: "milliseconds" } },
          y: {
            field: "millions",
            type: "quantitative",
            axis: { title: "million operations per second" },
          },
          color: colors(ELASTIC_SYSTEMS),
        },
      },
      {
        data: { values: marks },
        mark: { type: "rule", strokeDash: [4, 3], color: "#555555" },
        encoding: { x: { field: "atMs", type: "quantitative" } },
      },
      {
        data: { values: marks },
        mark: { type: "text", align: "left", dx: 4, dy: 12, baseline: "top", y: 0 },
        encoding: {
          x: { field: "atMs", type: "quantitative" },
          y: { value: 0 },
          text: { field: "what" },
        },
      },
    ],
  };
}

function balanceChart({ balance }: ExperimentResults): TopLevelSpec {
  const series = ["without replication", "with replication"];
  const values = balance.map(({ exponent, mix, isSharing, operationsPerSecond }) => ({
    load: `Zipf ${exponent}, ${mix}`,
    replication: series[isSharing ? 1 : 0],
    millions: operationsPerSecond / MILLION,
  }));
  return {
    title: {
      text: "Load balance, virtual time",
      subtitle:
        "Million operations per second without and with selective replication; higher is better",
    },
    config: CONFIG,
    width: 560,
    height: 260,
    data: { values },
    mark: "bar",
    encoding: {
      x: {
        field: "load",
        type: "nominal",
        sort: unique(values.map(({ load }) => load)),
        axis: { title: null, labelAngle: 0, labelExpr: "split(datum.label, ', ')" },
      },
      xOffset: { field: "replication", sort: series },
      y: { field: "millions", type: "quantitative", axis: { title: "M/s" } },
      color: {
        field: "replication",
        type: "nominal",
        title: null,
        sort: series,
        scale: { domain: series, range: ["#7f7f7f", "#d62728"] },
      },
    },
  };
}
