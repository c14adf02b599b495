/**
 * Where the figures come from: runtime and machine.
 *
 * @module
 */
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import process from "node:process";
import type { Runtime } from "../scripts/runtimes.ts";

export interface Environment {
  runtime: Runtime;
  runtimeVersion: string;
  cpu: string;
  coreCount: number;
  memoryBytes: number;
  system: string;
  /** Threads that wanted to run in the minute before: what else the machine was doing. */
  loadAverage: number;
}

export function currentRuntime(): Runtime {
  if (process.versions.bun !== undefined) return "bun";
  return process.versions.deno !== undefined ? "deno" : "node";
}

export function describeEnvironment(): Environment {
  const runtime = currentRuntime();
  return {
    runtime,
    runtimeVersion: process.versions[runtime] ?? "unknown",
    cpu: cpus()[0]?.model ?? "unknown",
    coreCount: availableParallelism(),
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0],
    system: `${platform()} ${release()} ${arch()}`,
  };
}
