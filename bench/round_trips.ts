/**
 * Counts round trips of a cluster between its nodes and the servers, beside what the experiments'
 * model predicts for the same load. At full size it draws the chart of the documentation.
 *
 * ```sh
 * npm run bench:round-trips -- --size quick
 * ```
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import { parseOptions } from "./options.ts";
import { renderSvg } from "./report/charts.ts";
import { roundTripsChart } from "./round_trips/chart.ts";
import { formatRoundTrips, measureRoundTrips } from "./round_trips/results.ts";

const { size, seed, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const results = await measureRoundTrips(size, seed, (line) => console.error(line));
console.log(formatRoundTrips(results));
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(results, null, 2) + "\n");
const published = size === "full" ? join(PROJECT_ROOT, "docs", "charts") : undefined;
const folder = chartsDir ?? published;
if (folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "cluster-round-trips.svg"),
    await renderSvg(roundTripsChart(results)),
  );
}
process.exit(0);
