/**
 * Compares Dinomo with other stores under the runtime that runs this file, and prints the figures.
 *
 * ```sh
 * bun bench/compare.ts --size quick --only dinomo,lmdb-nosync
 * ```
 *
 * `run.ts` does it under several runtimes.
 *
 * @module
 */
import process from "node:process";
import { compare } from "./comparison.ts";
import { parseOptions } from "./options.ts";
import { saveResults } from "./report/output.ts";
import { formatResults } from "./report/tables.ts";

const options = parseOptions(process.argv.slice(2));
const results = await compare(options, (line) => console.error(line));
console.log(formatResults(results));
await saveResults([results], options);
