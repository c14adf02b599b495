/**
 * Runs the timeline under every runtime, one after the other, and draws it. At full size it also
 * writes the page of the documentation about it.
 *
 * ```sh
 * npm run bench:timeline -- --size full
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
import { timelineChart } from "./chart.ts";
import { SCENARIOS } from "./plan.ts";
import { formatTimelinePage } from "./tables.ts";
import type { TimelineResults } from "./timeline.ts";

const { runtimes, size, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const all = await measureUnderRuntimes<TimelineResults>("bench/timeline.ts", runtimes, size);
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(all, null, 2) + "\n");
const isWhole = size === "full" && all.length === RUNTIMES.length;
const folder = chartsDir ?? (isWhole ? join(PROJECT_ROOT, "docs", "charts") : undefined);
if (folder !== undefined && all.length > 0) {
  mkdirSync(folder, { recursive: true });
  for (const scenario of SCENARIOS) {
    writeFileSync(join(folder, scenario.chart), await renderSvg(timelineChart(all, scenario)));
  }
}
if (isWhole) {
  writeFileSync(join(PROJECT_ROOT, "docs", "timeline.md"), formatTimelinePage(all, "charts"));
}
