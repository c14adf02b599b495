/**
 * Measures several threads under the runtime that runs this file, and prints the figures.
 *
 * ```sh
 * bun bench/threads.ts --size quick
 * ```
 *
 * `threads/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseOptions } from "./options.ts";
import { measureThreads } from "./threads/results.ts";
import { formatThreads } from "./threads/tables.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureThreads(options.size, (line) => console.error(line));
console.log(formatThreads(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
