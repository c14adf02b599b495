/**
 * Runs a benchmark under several runtimes, one after the other, each in a process of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { type Runtime, runtimeCommand, RUNTIMES } from "../../scripts/runtimes.ts";
import type { Size } from "../options.ts";

/**
 * Runs a module, which must take `--size` and `--json`, and reads the figures that it has written.
 * Where it fails it says so, and this process will, too.
 *
 * @param runtimes empty: all of them
 */
export async function measureUnderRuntimes<Results>(
  module: string,
  runtimes: readonly Runtime[],
  size: Size,
): Promise<Results[]> {
  const workDir = mkdtempSync(join(tmpdir(), "dinomo-bench-"));
  const all: Results[] = [];
  for (const runtime of runtimes.length > 0 ? runtimes : RUNTIMES) {
    console.error(`== ${runtime}`);
    const jsonPath = join(workDir, `${runtime}.json`);
    if (await runModule(module, runtime, size, jsonPath)) {
      all.push(JSON.parse(readFileSync(jsonPath, "utf8")));
    } else process.exitCode = 1;
  }
  rmSync(workDir, { recursive: true, force: true });
  return all;
}

/** Returns whether it ended well. */
async function runModule(
  module: string,
  runtime: Runtime,
  size: Size,
  jsonPath: string,
): Promise<boolean> {
  const { program, args } = runtimeCommand(runtime, module);
  const passedOn = ["--size", size, "--json", jsonPath];
  // Deno prints the stack of every KN that is killed: of interest only when something else has gone
  // wrong.
  const child = spawn(program, [...args, ...passedOn], { stdio: ["ignore", "inherit", "pipe"] });
  const [errors, [exitCode]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  if (exitCode !== 0) console.error(errors);
  return exitCode === 0;
}
