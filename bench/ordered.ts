/**
 * Measures what the order of the keys costs and gives under the runtime that runs this file, and prints a table.
 *
 * ```sh
 * bun bench/ordered.ts
 * node dist/bench/ordered.js --keys 1000000
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { describeEnvironment } from "./environment.ts";
import { formatOrdered, measureOrdered } from "./ordered/ordered.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "100000" },
    repetitions: { type: "string", default: "5" },
    ranges: { type: "string", default: "20000" },
  },
});

const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}, ` +
    `${values.keys} keys`,
);
console.log(formatOrdered(
  await measureOrdered({
    keyCount: Number(values.keys),
    repetitionCount: Number(values.repetitions),
    rangeCount: Number(values.ranges),
  }),
));
