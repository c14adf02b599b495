/**
 * Measures a store that another process has, under the runtime that runs this file, beside Redis by
 * a UNIX socket, if it is installed, and messages.
 *
 * ```sh
 * bun bench/processes.ts --size quick
 * ```
 *
 * `processes/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseOptions } from "./options.ts";
import { formatProcesses, measureProcesses } from "./processes/results.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureProcesses(options.size);
console.log(formatProcesses(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
