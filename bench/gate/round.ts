/**
 * Measures one build once, in a process of its own; prints the figures as JSON.
 *
 * ```sh
 * bun bench/gate/round.ts file:///path/of/a/build/mod.ts 100
 * ```
 *
 * @module
 */
import process from "node:process";
import { measureRound } from "./operations.ts";

const [moduleUrl, ms] = process.argv.slice(2);
const { open } = await import(moduleUrl!);
console.log(JSON.stringify(await measureRound(open, Number(ms))));
