/**
 * Measures several threads under every runtime, one after the other, and puts the figures together. At full size it also writes the
 * page of the documentation about them.
 *
 * ```sh
 * npm run bench:threads -- --size full
 * ```
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { PROJECT_ROOT, type Runtime, runtimeCommand, RUNTIMES } from "../../scripts/runtimes.ts";
import { parseOptions, type Size } from "../options.ts";
import { renderSvg } from "../report/charts.ts";
import { visibilityChart } from "./chart.ts";
import type { ThreadsResults } from "./results.ts";
import { formatThreadsPage } from "./tables.ts";

const CHART = "visibility.svg";

/** The figures; undefined if the run failed, which it has then said itself. */
async function measureUnder(
  runtime: Runtime,
  size: Size,
  jsonPath: string,
): Promise<ThreadsResults | undefined> {
  const { program, args } = runtimeCommand(runtime, "bench/threads.ts");
  const passedOn = ["--size", size, "--json", jsonPath];
  // Deno prints the stack of every KN that is killed: of interest only when something else has gone wrong.
  const child = spawn(program, [...args, ...passedOn], { stdio: ["ignore", "inherit", "pipe"] });
  const [errors, [exitCode]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  if (exitCode === 0) return JSON.parse(readFileSync(jsonPath, "utf8"));
  console.error(errors);
  return undefined;
}

const { runtimes, size, jsonPath, chartsDir } = parseOptions(process.argv.slice(2));
const workDir = mkdtempSync(join(tmpdir(), "dinomo-bench-threads-"));
const all: ThreadsResults[] = [];
for (const runtime of runtimes.length > 0 ? runtimes : RUNTIMES) {
  console.error(`== ${runtime}`);
  const results = await measureUnder(runtime, size, join(workDir, `${runtime}.json`));
  if (results === undefined) process.exitCode = 1;
  else all.push(results);
}
rmSync(workDir, { recursive: true, force: true });
if (jsonPath !== undefined) writeFileSync(jsonPath, JSON.stringify(all, null, 2) + "\n");
const isWhole = size === "full" && all.length === RUNTIMES.length;
const folder = chartsDir ?? (isWhole ? join(PROJECT_ROOT, "docs", "charts") : undefined);
if (folder !== undefined && all.length > 0) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CHART), await renderSvg(visibilityChart(all)));
}
if (isWhole) {
  const page = formatThreadsPage(all, `charts/${CHART}`);
  writeFileSync(join(PROJECT_ROOT, "docs", "threads-figures.md"), page);
}
