/**
 * Runs the command `dinomo` in a process of its own, or in this one, and looks at what it leaves in
 * a directory.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runCommandLine } from "../../lib/cli/main.ts";
import { PROJECT_ROOT, runtimeCommand } from "../../scripts/runtimes.ts";
import { currentRuntime } from "./child.ts";
import type { ProgramEnd } from "./program.ts";

/** Runs `dinomo` on the runtime of the test, with that standard input. */
export async function dinomo(args: readonly string[], input = ""): Promise<ProgramEnd> {
  const command = runtimeCommand(currentRuntime(), "bin/dinomo.ts");
  const child = spawn(process.execPath, [...command.args, ...args], {
    cwd: PROJECT_ROOT,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  // A command that refuses its input does not read it to the end.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [exitCode] = await once(child, "close");
  return { exitCode, stdout, stderr };
}

/** Runs `dinomo` in this process: sooner, where the process is not what is tested. */
export async function dinomoHere(
  args: readonly string[],
  isInteractive = false,
): Promise<ProgramEnd> {
  let stdout = "";
  let stderr = "";
  const exitCode = await runCommandLine(args, {
    isInteractive,
    isOutputInteractive: isInteractive,
    outputSize: () => ({ columns: 100, rows: 40 }),
    errorSize: () => ({ columns: 100 }),
    write: (bytes) => void (stdout += Buffer.from(bytes).toString()),
    writeError: (bytes) => void (stderr += Buffer.from(bytes).toString()),
  });
  return { exitCode, stdout, stderr };
}

/**
 * Everything about the files of a pool that reading must not change. The lock file comes and goes.
 */
export function stateOf(directory: string): Readonly<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const name of readdirSync(directory).sort()) {
    if (name === "lock") continue;
    const path = join(directory, name);
    const { mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    state[name] = `${mtimeNs} ${ctimeNs} ${readFileSync(path).toString("latin1")}`;
  }
  return state;
}

/** The lines of a dump without versions, sorted: what must be the same after a restore. */
export function contentsOfDump(dump: string): string[] {
  return dump.split("\n").slice(0, -1).map((line) => line.replace(/,"version":\d+/, "")).sort();
}
