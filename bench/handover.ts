/**
 * Measures how long nothing is served when a new process takes over a pool from an old one, with
 * the option `standby` and without, when the old one closes it and when it is killed.
 *
 * ```sh
 * npm run bench:handover -- --keys 1000000 --runtime node
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { describeEnvironment } from "./environment.ts";
import { formatHandovers, type Handover, measureHandovers } from "./handover/handover.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    keys: { type: "string", default: "1000000" },
    runtime: { type: "string", default: RUNTIMES.join(",") },
  },
});

const { coreCount, loadAverage } = describeEnvironment();
console.log(`${coreCount} processors, load ${loadAverage.toFixed(1)}, ${values.keys} keys`);
const plan = {
  ends: ["closed", "killed"],
  keyCount: Number(values.keys),
  changedKeys: 200,
  servedMs: 2500,
} as const;
const figures: Handover[] = [];
for (const runtime of values.runtime.split(",") as Runtime[]) {
  figures.push(...await measureHandovers({ runtime, ...plan }));
}
console.log(formatHandovers(figures));
