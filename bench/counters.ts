/**
 * Measures counters that many increment at once, under the runtime that runs this file, beside
 * Redis if there is one on the PATH.
 *
 * ```sh
 * bun bench/counters.ts --size quick
 * ```
 *
 * `counters/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { formatCounters, measureCounters } from "./counters/results.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureCounters(options.size);
console.log(formatCounters(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
