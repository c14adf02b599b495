/**
 * Measures several threads under every runtime, one after the other, and puts the figures together.
 * At full size it also writes the page of the documentation about them.
 *
 * ```sh
 * npm run bench:threads -- --size full
 * ```
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { PROJECT_ROOT, RUNTIMES } from "../../scripts/runtimes.ts";
import { measureUnderRuntimes } from "../measure/under_runtimes.ts";
import { parseOptions } from "../options.ts";
import { renderSvg } from "../report/charts.ts";
import { visibilityChart } from "./chart.ts";
import type { ThreadsResults } from "./results.ts";
import { formatThreadsPage } from "./tables.ts";

const CHART = "visibility.svg";

const { runtimes, size, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const all = await measureUnderRuntimes<ThreadsResults>("bench/threads.ts", runtimes, size);
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(all, null, 2) + "\n");
const isWhole = size === "full" && all.length === RUNTIMES.length;
const folder = chartsDir ?? (isWhole ? join(PROJECT_ROOT, "docs", "charts") : undefined);
if (folder !== undefined && all.length > 0) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CHART), await renderSvg(visibilityChart(all)));
}
if (isWhole) {
  const page = formatThreadsPage(all, `charts/${CHART}`);
  writeFileSync(join(PROJECT_ROOT, "docs", "threads-figures.md"), page);
}
