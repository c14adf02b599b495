/**
 * Runs the comparison under every runtime, one after the other, and puts the figures together.
 *
 * ```sh
 * npm run bench -- --size full --json results.json --charts charts
 * ```
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Runtime, runtimeCommand, RUNTIMES } from "../scripts/runtimes.ts";
import { type Options, parseOptions } from "./options.ts";
import { saveResults } from "./report/output.ts";
import type { Results } from "./report/results.ts";

/** Runs the comparison; undefined if it failed, which it has then said itself. */
async function compareUnder(
  runtime: Runtime,
  options: Options,
  jsonPath: string,
): Promise<Results | undefined> {
  const { program, args } = runtimeCommand(runtime, "bench/compare.ts");
  const { size, seed, dir, only } = options;
  const passedOn = ["--size", size, "--seed", String(seed), "--dir", dir, "--json", jsonPath];
  if (only.length > 0) passedOn.push("--only", only.join(","));
  const child = spawn(program, [...args, ...passedOn], { stdio: "inherit" });
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) return undefined;
  const [results]: Results[] = JSON.parse(readFileSync(jsonPath, "utf8"));
  return results;
}

const options = parseOptions(process.argv.slice(2));
const workDir = mkdtempSync(join(tmpdir(), "dinomo-bench-run-"));
const all: Results[] = [];
for (const runtime of options.runtimes.length > 0 ? options.runtimes : RUNTIMES) {
  console.error(`== ${runtime}`);
  const results = await compareUnder(runtime, options, join(workDir, `${runtime}.json`));
  if (results === undefined) process.exitCode = 1;
  else all.push(results);
}
rmSync(workDir, { recursive: true, force: true });
await saveResults(all, options);
