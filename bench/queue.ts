/**
 * Measures queues of jobs under the runtime that runs this file, beside those of SQLite
 * (better-sqlite3) and BullMQ, if these are installed and Redis is on the PATH.
 *
 * ```sh
 * bun bench/queue.ts --size quick
 * ```
 *
 * `queue/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseOptions } from "./options.ts";
import { formatQueues, measureQueues } from "./queue/results.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureQueues(options.size);
console.log(formatQueues(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
