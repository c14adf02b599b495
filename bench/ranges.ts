/**
 * Measures what the order of the keys costs and gives under the runtime that runs this file, and
 * prints a table.
 *
 * ```sh
 * bun bench/ranges.ts
 * node dist/bench/ranges.js --keys 5000000 --values object --puts no
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { describeEnvironment } from "./environment.ts";
import { formatRanges, measureRanges, VALUES } from "./ranges/ranges.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "100000" },
    rounds: { type: "string", default: "400" },
    ranges: { type: "string", default: "50" },
    values: { type: "string", default: "small" },
    puts: { type: "string", default: "yes" },
  },
});

function isKind(kind: string): kind is keyof typeof VALUES {
  return Object.hasOwn(VALUES, kind);
}
if (!isKind(values.values)) {
  throw new Error(`--values must be one of ${Object.keys(VALUES).join(", ")}`);
}

const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}, ` +
    `${values.keys} keys, values: ${values.values}`,
);
console.log(formatRanges(
  await measureRanges({
    keyCount: Number(values.keys),
    roundCount: Number(values.rounds),
    rangeCount: Number(values.ranges),
    values: values.values,
    withPuts: values.puts === "yes",
    onPhase: (phase) => console.error(`${phase} ...`),
  }),
));
