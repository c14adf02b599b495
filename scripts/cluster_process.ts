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

/** A process that opens the store of a cluster. */
export class ClusterProcess {
  readonly runtime: Runtime;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, runtime: Runtime) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    this.runtime = runtime;
  }

  /** Starts one; resolves when its store is open. */
  static async start(cluster: ClusterOptions, runtime: Runtime): Promise<ClusterProcess> {
    const process = await ClusterProcess.prepare(runtime);
    await process.open(cluster);
    return process;
  }

  /** Starts one; resolves when it has loaded the library. */
  static async prepare(runtime: Runtime): Promise<ClusterProcess> {
    const { program, args } = runtimeCommand(runtime, "scripts/cluster_node.ts");
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    // One that is interrupted leaves none behind.
    const kill = () => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const prepared = new ClusterProcess(child, runtime);
    await prepared.#says("ready");
    return prepared;
  }

  /** Has it open the store; resolves when it has. */
  async open(cluster: ClusterOptions): Promise<void> {
    this.#child.stdin!.write(`${JSON.stringify(cluster)}\n`);
    await this.#says("open");
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

  async #says(word: string): Promise<void> {
    for (;;) {
      const { value, done = false } = await this.#lines.next();
      if (done) throw new Error(`a node on ${this.runtime} has ended before it was ${word}`);
      if (value === word) return;
    }
  }
}
