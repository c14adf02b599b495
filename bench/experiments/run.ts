/**
 * Runs the paper's experiments in virtual time. At full size it also writes the page of the
 * documentation, and its figures.
 *
 * ```sh
 * npm run experiments -- --size quick
 * ```
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { parseOptions } from "../options.ts";
import { renderSvg } from "../report/charts.ts";
import { experimentCharts } from "./report/charts.ts";
import { formatExperimentsPage } from "./report/page.ts";
import { runExperiments } from "./results.ts";

const { size, seed, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const startMs = performance.now();
const results = runExperiments(size, seed, (line) => {
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.error(`${String(seconds).padStart(5)} s  ${line}`);
});
const page = formatExperimentsPage(results);
const isPublished = size === "full";
const folder = chartsDir ?? (isPublished ? join(PROJECT_ROOT, "docs", "charts") : undefined);
if (folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  for (const [name, chart] of experimentCharts(results)) {
    writeFileSync(join(folder, `${name}.svg`), await renderSvg(chart));
  }
}
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(results, null, 2) + "\n");
if (isPublished) writeFileSync(join(PROJECT_ROOT, "docs", "experiments.md"), page);
else console.log(page);
