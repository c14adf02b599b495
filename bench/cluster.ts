/**
 * Measures a store of a cluster beside the key-value store of JetStream, on the same three servers,
 * under the runtime that runs this file.
 *
 * ```sh
 * bun bench/cluster.ts --size quick
 * ```
 *
 * `cluster/run.ts` does it under several runtimes.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { formatCluster, measureCluster } from "./cluster/results.ts";
import { parseOptions } from "./options.ts";

const options = parseOptions(process.argv.slice(2));
const results = await measureCluster(options.size);
console.log(formatCluster(results));
if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(results));
process.exit(0);
