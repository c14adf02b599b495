/**
 * Measures a store of a cluster under every runtime, one after the other.
 *
 * ```sh
 * npm run bench:cluster -- --size quick
 * ```
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { measureUnderRuntimes } from "../measure/under_runtimes.ts";
import { parseOptions } from "../options.ts";
import type { ClusterResults } from "./results.ts";

const { runtimes, size, jsonPath } = parseOptions(process.argv.slice(2));
const all = await measureUnderRuntimes<ClusterResults>("bench/cluster.ts", runtimes, size);
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(all, null, 2) + "\n");
