/**
 * Writes figures to where the options say: a JSON file, charts.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import type { Options } from "../options.ts";
import type { Results } from "./results.ts";

export async function saveResults(all: readonly Results[], options: Options): Promise<void> {
  if (options.jsonPath !== undefined) {
    writeFileSync(options.jsonPath, JSON.stringify(all, null, 2) + "\n");
  }
  if (options.chartsDir !== undefined) {
    // Loaded only here: vega is large, and a run without charts does not need it.
    const { drawCharts } = await import("./charts.ts");
    for (const path of await drawCharts(all, options.chartsDir)) console.log(path);
  }
}
