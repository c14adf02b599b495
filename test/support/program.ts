/**
 * Runs a program of this repository in a process of its own, on the runtime that runs the test.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { PROJECT_ROOT, type Runtime, runtimeCommand } from "../../scripts/runtimes.ts";

/** How a program ended, and what it printed. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `file`, a source relative to the project's folder, and waits for its end.
 *
 * @param environment variables in addition to this process's own
 * @param timeoutMs after which it is ended, without an exit code; 0 for no limit
 */
export async function runProgram(
  file: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  timeoutMs = 0,
): Promise<ProgramEnd> {
  const command = runtimeCommand(currentRuntime(), file);
  const child = spawn(process.execPath, [...command.args, ...args], {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const [exitCode] = await once(child, "close");
  return { exitCode, stdout, stderr };
}

/** The runtime that runs the test. */
export function currentRuntime(): Runtime {
  if (process.versions.bun !== undefined) return "bun";
  return "Deno" in globalThis ? "deno" : "node";
}
