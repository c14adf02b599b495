/**
 * Compares the cache policies on traces from a seed. Nothing is timed, so one runtime will do. At
 * full size it also writes the page of the documentation with the figures.
 *
 * ```sh
 * npm run bench:cache -- --size quick
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
import { cacheChart } from "./chart.ts";
import { measureCaches } from "./measure.ts";
import { formatCaches, formatCachesPage } from "./tables.ts";

const CHART = "caches.svg";

const { size, seed, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const results = measureCaches(size, seed, (line) => console.error(line));
console.log(formatCaches(results));
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(results, null, 2) + "\n");
const docs = join(PROJECT_ROOT, "docs");
const folder = chartsDir ?? (size === "full" ? join(docs, "charts") : undefined);
if (folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CHART), await renderSvg(cacheChart(results)));
}
if (size === "full") {
  writeFileSync(join(docs, "caching-figures.md"), formatCachesPage(results, `charts/${CHART}`));
}
