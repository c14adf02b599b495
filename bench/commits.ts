/**
 * Measures atomic commits, under the runtime that runs this file, beside transactions of other
 * stores.
 *
 * ```sh
 * bun bench/commits.ts --size quick
 * ```
 *
 * `commits/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { formatCommits, measureCommits } from "./commits/results.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureCommits(options.size);
console.log(formatCommits(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
