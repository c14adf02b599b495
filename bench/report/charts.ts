/**
 * Draws the charts of the comparison from its figures: throughput, latency and growth of cost per
 * runtime, and Dinomo against the baseline under all of them.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { chartRecords, ratioRecords } from "./chart_data.ts";
import { growthChart, latencyChart, ratioChart, throughputChart } from "./chart_specs.ts";
import type { Results } from "./results.ts";

/** Draws every chart there are figures for; returns the paths of the files. */
export async function drawCharts(all: readonly Results[], folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const charts = new Map<string, TopLevelSpec>();
  for (const results of all) {
    const { runtime } = results.environment;
    const compared = chartRecords(results, ["basic", "ycsb"]);
    const growth = chartRecords(results, ["growth"]);
    if (compared.length > 0) {
      charts.set(`throughput-${runtime}`, throughputChart(results, compared));
    }
    const timed = compared.filter((record) => record.p50Us !== undefined);
    if (timed.length > 0) charts.set(`latency-${runtime}`, latencyChart(results, timed));
    if (growth.length > 0) charts.set(`growth-${runtime}`, growthChart(results, growth));
  }
  if (ratioRecords(all).length > 0) charts.set("ratio", ratioChart(all));

  const paths: string[] = [];
  for (const [name, spec] of charts) {
    const path = join(folder, `${name}.svg`);
    writeFileSync(path, await renderSvg(spec));
    paths.push(path);
  }
  return paths;
}

/** The drawing of a specification. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
