/**
 * A program that a tool runs again whenever its file changes, and what it says each time.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { temporaryPath } from "./temporary.ts";

/** Begins a line that the program says. */
const MARK = "@said ";
/** A change that was not seen is made again after this time, as long as the next one. */
const CHANGE_MS = 8000;
const WAIT_MS_MAX = 60_000;

/** A program that runs. */
export class Reloaded {
  readonly #file: string;
  readonly #program: string;
  readonly #process: ChildProcess;
  readonly #said: unknown[] = [];
  #output = "";
  #changes = 0;

  /**
   * Starts a tool with a program, which says something by printing `@said ` and JSON.
   *
   * @param args of this runtime, before the program's file
   */
  constructor(args: readonly string[], program: string) {
    const folder = temporaryPath("reloaded");
    mkdirSync(folder);
    this.#file = join(folder, "program.mjs");
    this.#program = program;
    this.#write();
    this.#process = spawn(process.execPath, [...args, this.#file], {
      cwd: PROJECT_ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    createInterface({ input: this.#process.stdout! }).on("line", (line) => {
      if (line.startsWith(MARK)) this.#said.push(JSON.parse(line.slice(MARK.length)));
      else this.#output += `${line}\n`;
    });
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => this.#output += text);
  }

  /** What the program says next. */
  async next(): Promise<unknown> {
    const endMs = Date.now() + WAIT_MS_MAX;
    for (let changeMs = Date.now() + CHANGE_MS; this.#said.length === 0;) {
      const { exitCode } = this.#process;
      if (exitCode !== null || Date.now() > endMs) {
        throw new Error(`it said nothing, exit code ${exitCode}:\n${this.#output}`);
      }
      await setTimeout(10);
      if (this.#changes === 0 || Date.now() < changeMs) continue;
      this.#write();
      changeMs = Date.now() + CHANGE_MS;
    }
    return this.#said.shift();
  }

  /** Changes the program's file. */
  change(): void {
    this.#changes += 1;
    this.#write();
  }

  /** Ends the tool, and the program. */
  async end(): Promise<void> {
    const closed = once(this.#process, "close");
    this.#process.kill("SIGTERM");
    await closed;
  }

  #write(): void {
    writeFileSync(this.#file, `${this.#program}// ${this.#changes}\n`);
  }
}
