/**
 * The charts as vega-lite specifications. Dots and lines, not bars: the scales are logarithmic, and
 * the length of a bar on such a scale means nothing.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { BASELINE_PEER_ID } from "../peers/all.ts";
import { type ChartRecord, peerNames, ratioRecords, runtimeTitle } from "./chart_data.ts";
import { CONFIG, logAxis, peerColor, RUNTIME_COLORS, title, unique } from "./chart_style.ts";
import type { Results } from "./results.ts";

/** One of several charts in a column. */
type Panel = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

const ROW_HEIGHT = 26;
const PANEL_WIDTH = 620;
const LATENCY_ROW_HEIGHT = 13;
const GROWTH_PANEL_SIZE = 240;

/** One panel per dataset, one line per workload, one dot per peer. */
export function throughputChart(results: Results, records: ChartRecord[]): TopLevelSpec {
  const color = peerColor(results);
  const rates = records.map((record) => record.operationsPerSecond);
  const panels = unique(records.map((record) => record.dataset)).map((dataset): Panel => {
    const values = records.filter((record) => record.dataset === dataset);
    const workloads = unique(values.map((record) => record.workload));
    return {
      title: { text: dataset, fontSize: 12, offset: 4 },
      width: PANEL_WIDTH,
      height: workloads.length * ROW_HEIGHT,
      data: { values },
      mark: { type: "point", filled: true, size: 95, opacity: 0.85 },
      encoding: {
        y: {
          field: "workload",
          type: "nominal",
          sort: workloads,
          title: null,
          axis: { grid: true },
        },
        x: {
          field: "operationsPerSecond",
          type: "quantitative",
          ...logAxis(rates, "operations per second (log scale)", "~s"),
        },
        color,
        shape: { field: "peer", type: "nominal", title: null, sort: color.sort },
      },
    };
  });
  return {
    title: title(
      "Throughput",
      results,
      "Medians of interleaved repetitions; further right is faster",
    ),
    config: CONFIG,
    vconcat: panels,
    resolve: { scale: { x: "shared", color: "shared", shape: "shared" } },
  };
}

/** One panel per workload, one line per peer: a dot at p50, a line up to p99. */
export function latencyChart(results: Results, records: ChartRecord[]): TopLevelSpec {
  const color = { ...peerColor(results), legend: null };
  const names = peerNames(results);
  const latencies = records.flatMap(({ p50Us, p99Us }) => [p50Us ?? [], p99Us ?? []].flat());
  const x = {
    field: "p50Us",
    type: "quantitative",
    ...logAxis(latencies, "microseconds (log scale)", "~g"),
  } as const;
  const values = records.map((record) => ({
    ...record,
    panel: `${record.workload}|${record.dataset.replace(/^.*values of/, "values of")}`,
  }));
  const panels = unique(values.map((value) => value.panel)).map((panel): Panel => ({
    title: { text: panel.replace("|", ", "), fontSize: 12, offset: 4 },
    width: PANEL_WIDTH,
    height: names.length * LATENCY_ROW_HEIGHT,
    data: { values: values.filter((value) => value.panel === panel) },
    encoding: {
      y: { field: "peer", type: "nominal", sort: names, title: null, axis: { labelFontSize: 10 } },
      color,
    },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.6 },
        encoding: { x, x2: { field: "p99Us" } },
      },
      { mark: { type: "point", filled: true, size: 55, opacity: 1 }, encoding: { x } },
      {
        mark: { type: "tick", thickness: 2, size: 9 },
        encoding: { x: { field: "p99Us", type: "quantitative" } },
      },
    ],
  }));
  return {
    title: title(
      "Latency of an awaited operation",
      results,
      "Dot: p50; tick: p99; further left is faster",
    ),
    config: CONFIG,
    vconcat: panels,
    spacing: 14,
    resolve: { scale: { x: "shared" } },
  };
}

/** How long one operation takes as the number of records grows. */
export function growthChart(results: Results, records: ChartRecord[]): TopLevelSpec {
  const color = peerColor({
    ...results,
    peers: results.peers.filter((peer) => records.some((record) => record.peer === peer.name)),
  });
  const keyCounts = [...new Set(records.map((record) => record.keyCount))];
  return {
    title: title(
      "Cost of an operation as the store grows",
      results,
      "Values of 100 B; lower is faster",
    ),
    config: CONFIG,
    data: { values: records },
    facet: {
      column: {
        field: "workload",
        type: "nominal",
        sort: unique(records.map((record) => record.workload)),
        title: null,
      },
    },
    spec: {
      width: GROWTH_PANEL_SIZE,
      height: GROWTH_PANEL_SIZE,
      mark: { type: "line", point: { size: 60 }, strokeWidth: 2.5 },
      encoding: {
        x: {
          field: "keyCount",
          type: "quantitative",
          scale: { type: "log", nice: false, padding: 16 },
          axis: { title: "records (log scale)", format: "~s", values: keyCounts },
        },
        y: {
          field: "usPerOperation",
          type: "quantitative",
          scale: { zero: true },
          axis: { title: "microseconds per operation" },
        },
        color,
      },
    },
    resolve: { scale: { y: "independent" } },
  };
}

/** How many times as fast as the baseline Dinomo is, under each runtime. */
export function ratioChart(all: readonly Results[]): TopLevelSpec {
  const values = ratioRecords(all);
  const workloads = unique(values.map((record) => record.workload));
  const domain = all.map(runtimeTitle);
  const range = all.map((results) => RUNTIME_COLORS[results.environment.runtime]);
  const x = {
    field: "ratio",
    type: "quantitative",
    ...logAxis(
      [1, ...values.map((record) => record.ratio)],
      "times the throughput of the baseline (log scale)",
      "~g",
    ),
  } as const;
  return {
    title: {
      text: `Dinomo against ${BASELINE_PEER_ID}`,
      subtitle: "Right of the line at 1, Dinomo is faster",
    },
    config: CONFIG,
    width: PANEL_WIDTH,
    height: workloads.length * ROW_HEIGHT,
    layer: [
      {
        data: { values: [{ ratio: 1 }] },
        mark: { type: "rule", strokeDash: [4, 4] },
        encoding: { x },
      },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 95, opacity: 0.9 },
        encoding: {
          x,
          y: {
            field: "workload",
            type: "nominal",
            sort: workloads,
            title: null,
            axis: { grid: true },
          },
          color: {
            field: "runtime",
            type: "nominal",
            title: null,
            sort: domain,
            scale: { domain, range },
          },
          shape: { field: "runtime", type: "nominal", title: null, sort: domain },
        },
      },
    ],
  };
}
