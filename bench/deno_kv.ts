/**
 * Measures `dinomo/deno-kv`, under the runtime that runs this file, beside Deno's own database in
 * memory.
 *
 * ```sh
 * bun bench/deno_kv.ts --size quick
 * ```
 *
 * `deno_kv/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { formatKvs, measureKvs } from "./deno_kv/results.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureKvs(options.size);
console.log(formatKvs(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
