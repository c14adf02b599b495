/**
 * Runs a module of the benchmarks in a process of its own, under the runtime that runs this one.
 *
 * @module
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import process from "node:process";
import { runtimeCommand } from "../../scripts/runtimes.ts";
import { currentRuntime } from "../environment.ts";

/** `file` is a source, relative to `bench/`. */
export function spawnModule(file: string, args: string[], stdio: StdioOptions): ChildProcess {
  const command = runtimeCommand(currentRuntime(), `bench/${file}`);
  return spawn(process.execPath, [...command.args, ...args], { stdio });
}
