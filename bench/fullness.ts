/**
 * Measures overwrites in full pools under the runtime that runs this file, and prints a table.
 *
 * ```sh
 * bun bench/fullness.ts
 * node dist/bench/fullness.js --repetitions 3
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { formatFullness, type FullnessPlan, measureFullness } from "./fullness/fullness.ts";
import { describeEnvironment } from "./environment.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    repetitions: { type: "string", default: "5" },
    ms: { type: "string", default: "1000" },
  },
});

const effort = { repetitionCount: Number(values.repetitions), repetitionMs: Number(values.ms) };
const plans: readonly FullnessPlan[] = [
  { capacityBytes: 64 * 2 ** 20, valueBytes: 950, shares: [0.5, 0.8, 0.9, 0.95], ...effort },
  { capacityBytes: 8 * 2 ** 20, valueBytes: 950, shares: [0.5, 0.9, 0.99], ...effort },
];
const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}`,
);
for (const plan of plans) console.log(formatFullness(plan, await measureFullness(plan)));
