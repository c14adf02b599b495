/**
 * Measures what Keyv costs on Dinomo, and on a `Map`, under the runtime that runs this file, and prints a table.
 *
 * ```sh
 * bun bench/adapters.ts
 * node dist/bench/adapters.js --keys 10000
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { formatAdapters, measureAdapters } from "./adapters/adapters.ts";
import { describeEnvironment } from "./environment.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "10000" },
    "warm-up": { type: "string", default: "10" },
    rounds: { type: "string", default: "15" },
    repetitions: { type: "string", default: "5" },
  },
});

const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}, ` +
    `${values.keys} keys`,
);
console.log(formatAdapters(
  measureAdapters({
    keyCount: Number(values.keys),
    warmUpCount: Number(values["warm-up"]),
    roundCount: Number(values.rounds),
    repetitionCount: Number(values.repetitions),
  }),
));
