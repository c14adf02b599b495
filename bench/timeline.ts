/**
 * Runs the timeline under the runtime that runs this file, and prints the figures.
 *
 * ```sh
 * bun bench/timeline.ts --size quick
 * ```
 *
 * `timeline/run.ts` does it under several runtimes, and draws them.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseOptions } from "./options.ts";
import { formatTimeline } from "./timeline/tables.ts";
import { measureTimeline } from "./timeline/timeline.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureTimeline(options.size, (line) => console.error(line));
console.log(formatTimeline(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
