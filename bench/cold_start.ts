/**
 * Measures how long a program waits for the import of the package and for its first store, on all
 * runtimes, and prints a table.
 *
 * ```sh
 * npm run build && node dist/bench/cold_start.js --samples 15
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { RUNTIMES } from "../scripts/runtimes.ts";
import { formatColdStarts, measureColdStarts } from "./cold_start/cold_start.ts";
import { describeEnvironment } from "./environment.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { samples: { type: "string", default: "15" } },
});

const { coreCount, loadAverage } = describeEnvironment();
console.log(`${coreCount} processors, load ${loadAverage.toFixed(1)}, ${values.samples} samples`);
console.log(formatColdStarts(
  measureColdStarts({ runtimes: RUNTIMES, sampleCount: Number(values.samples) }),
));
