/**
 * Nodes of a cluster in processes of their own, for the demo and the benchmark.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import type { ClusterOptions } from "../mod.ts";
import { type Runtime, runtimeCommand } from "./runtimes.ts";

/** A process that has opened the store of a cluster. */
export class ClusterProcess {
  readonly runtime: Runtime;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, runtime: Runtime) {
    this.#child = child;
    this.runtime = runtime;
  }

  /** Starts one; resolves when its store is open. */
  static async start(cluster: ClusterOptions, runtime: Runtime): Promise<ClusterProcess> {
    const { program, args } = runtimeCommand(runtime, "scripts/cluster_node.ts");
    const stdio = ["pipe", "pipe", "inherit"] as const;
    const child = spawn(program, [...args, JSON.stringify(cluster)], { stdio: [...stdio] });
    // One that is interrupted leaves none behind.
    const kill = () => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line === "open") return new ClusterProcess(child, runtime);
    }
    throw new Error(`a node on ${runtime} did not open the store`);
  }

  /** Number of the process. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** Kills it, without a chance to do anything. */
  kill(): void {
    process.kill(this.pid, "SIGKILL");
  }

  /** Has it close its store and end, if it has not ended. */
  async close(): Promise<void> {
    const { exitCode, signalCode, stdin } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const ended = once(this.#child, "exit");
    stdin!.end("close\n");
    await ended;
  }
}
