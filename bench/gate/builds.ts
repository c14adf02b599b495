/**
 * The two builds that the gate compares: this tree, and a revision of it in a temporary worktree.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { findRuntime, PROJECT_ROOT, type Runtime, runtimeCommand } from "../../scripts/runtimes.ts";
import type { RoundResult } from "./operations.ts";

const ROUND = "bench/gate/round.ts";

/** A revision, built in a folder of its own until it is removed. */
export class BuiltRevision {
  readonly folder: string;
  readonly #root: string;

  /**
   * Checks the revision out and builds it, with the dependencies of this tree.
   *
   * @throws when git does not know it, or it does not build
   */
  constructor(revision: string) {
    this.#root = mkdtempSync(join(tmpdir(), "dinomo-gate-"));
    this.folder = join(this.#root, "base");
    try {
      git("worktree", "add", "--detach", this.folder, revision);
      const modules = join(PROJECT_ROOT, "node_modules");
      symlinkSync(modules, join(this.folder, "node_modules"), "junction");
      const tsc = join(modules, "typescript", "bin", "tsc");
      execFileSync(findRuntime("node"), [tsc], { cwd: this.folder, stdio: "pipe" });
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Removes the folder, and what git knows about it. */
  remove(): void {
    if (existsSync(this.folder)) git("worktree", "remove", "--force", this.folder);
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Runs one round of the build in a folder on a runtime, in a process of its own. */
export async function runRound(folder: string, runtime: Runtime, ms: number): Promise<RoundResult> {
  const module = runtime === "node" ? join(folder, "dist", "mod.js") : join(folder, "mod.ts");
  const { program, args } = runtimeCommand(runtime, ROUND);
  const child = spawn(program, [...args, pathToFileURL(module).href, String(ms)], {
    cwd: PROJECT_ROOT,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  const [exitCode] = await once(child, "close");
  if (exitCode !== 0) throw new Error(`a round of ${module} on ${runtime} ended with ${exitCode}`);
  return JSON.parse(output) as RoundResult;
}

function git(...args: string[]): void {
  execFileSync("git", args, { cwd: PROJECT_ROOT, stdio: "pipe" });
}
