/**
 * Measures what the order of the keys costs and gives under the runtime that runs this file, and prints a table.
 *
 * ```sh
 * bun bench/ranges.ts
 * node dist/bench/ranges.js --keys 1000000
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { describeEnvironment } from "./environment.ts";
import { formatRanges, measureRanges } from "./ranges/ranges.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "100000" },
    rounds: { type: "string", default: "400" },
    ranges: { type: "string", default: "50" },
  },
});

const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}, ` +
    `${values.keys} keys`,
);
console.log(formatRanges(
  await measureRanges({
    keyCount: Number(values.keys),
    roundCount: Number(values.rounds),
    rangeCount: Number(values.ranges),
    onPhase: (phase) => console.error(`${phase} ...`),
  }),
));
