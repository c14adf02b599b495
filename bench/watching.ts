/**
 * Measures how soon a watcher in another thread learns of a change, under the runtime that runs
 * this file.
 *
 * ```sh
 * bun bench/watching.ts --size quick
 * ```
 *
 * `watching/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseOptions } from "./options.ts";
import { formatWatching, measureWatching } from "./watching/results.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureWatching(options.size);
console.log(formatWatching(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
