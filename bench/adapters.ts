/**
 * Measures what Keyv costs on Dinomo, and on a `Map`, under the runtime that runs this file, and
 * prints a table.
 *
 * ```sh
 * bun bench/adapters.ts
 * node dist/bench/adapters.js --keys 10000
 * bun bench/adapters.ts --keyv 6            # what concerns one version of Keyv
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { formatAdapters, measureAdapters } from "./adapters/adapters.ts";
import { SUBJECTS } from "./adapters/subjects.ts";
import { describeEnvironment } from "./environment.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "10000" },
    keyv: { type: "string", default: "" },
    "warm-up": { type: "string", default: "20" },
    rounds: { type: "string", default: "11" },
    repetitions: { type: "string", default: "7" },
  },
});

const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}, ` +
    `${values.keys} keys`,
);
console.log(formatAdapters(
  measureAdapters({
    names: [...SUBJECTS.keys()].filter((name) => name.startsWith(values.keyv)),
    keyCount: Number(values.keys),
    warmUpCount: Number(values["warm-up"]),
    roundCount: Number(values.rounds),
    repetitionCount: Number(values.repetitions),
  }),
));
