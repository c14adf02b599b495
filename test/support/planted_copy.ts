/**
 * Copies of this tree in which a bug can be planted, and in which test files can be run.
 *
 * A copy holds what the runtime at hand executes: the sources, or for Node what the build made of them.
 *
 * @module
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { PROJECT_ROOT, runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import type { PlantedBug } from "./planted_bug.ts";
import { SEED } from "./random.ts";

/** Parts of the tree that the tests of a copy need. */
const PARTS = ["lib", "workers", "test", "scripts"] as const;
const FILES = ["package.json", "deno.json", "mod.ts"] as const;

const SHORT_RUNS: Edited = {
  name: "uvu ends at the first test that fails, and runs those only that it is told to",
  file: "node_modules/uvu/dist/index.mjs",
  edits: [
    ["write(FAIL);", "write(FAIL); break;"],
    [
      "for (test of arr) {",
      'for (test of arr) { if (!test.name.includes(process.env["DINOMO_IN_TEST"])) continue;',
    ],
  ],
};

/** What is changed in a file. */
type Edited = Pick<PlantedBug, "name" | "file" | "edits">;

/** How a test file ended in a copy. */
export interface CopyRun {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly output: string;
}

/** One copy, in a temporary folder. */
export class PlantedCopy {
  #runCount = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "dinomo-planted-"));
  /** Where the executed files are: the folder, or its dist/. */
  readonly #root: string;

  constructor() {
    const isBuilt = THIS_RUNTIME === "node";
    const from = isBuilt ? join(PROJECT_ROOT, "dist") : PROJECT_ROOT;
    this.#root = isBuilt ? join(this.#folder, "dist") : this.#folder;
    for (const part of PARTS) {
      cpSync(join(from, part), join(this.#root, part), { recursive: true });
    }
    cpSync(
      join(from, isBuilt ? "mod.js" : "mod.ts"),
      join(this.#root, isBuilt ? "mod.js" : "mod.ts"),
    );
    for (const file of FILES) cpSync(join(PROJECT_ROOT, file), join(this.#folder, file));
    this.#linkPackages();
  }

  /** Runs a test file of the copy, with a planted bug or without one. */
  async run(testFile: string, bug: PlantedBug | undefined, timeoutMs: number): Promise<CopyRun> {
    if (bug === undefined) return await this.#spawn(testFile, "", timeoutMs);
    const path = this.#pathOf(bug.file);
    const original = readFileSync(path, "utf8");
    writeFileSync(path, plant(original, bug));
    try {
      return await this.#spawn(testFile, bug.inTest ?? "", timeoutMs, bug.failoverStride);
    } finally {
      writeFileSync(path, original);
    }
  }

  /** Removes the copy. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Gives the copy the packages of this tree, and a uvu that leaves out what is not needed. */
  #linkPackages(): void {
    const from = join(PROJECT_ROOT, "node_modules");
    const to = join(this.#folder, "node_modules");
    mkdirSync(to);
    for (const name of readdirSync(from)) {
      if (name !== "uvu") symlinkSync(join(from, name), join(to, name));
    }
    cpSync(join(from, "uvu"), join(to, "uvu"), { recursive: true });
    const runner = join(to, "uvu/dist/index.mjs");
    writeFileSync(runner, plant(readFileSync(runner, "utf8"), SHORT_RUNS));
  }

  #pathOf(source: string): string {
    const isBuilt = THIS_RUNTIME === "node";
    return join(this.#root, isBuilt ? source.replace(/\.ts$/, ".js") : source);
  }

  #spawn(
    testFile: string,
    inTest: string,
    timeoutMs: number,
    failoverStride = 5,
  ): Promise<CopyRun> {
    const { program, args } = runtimeCommand(THIS_RUNTIME, testFile, this.#folder);
    // A seed is for one test that is to be run again; here it would leave out what the others look for.
    const { FORCE_COLOR: _, DINOMO_SEED: __, ...environment } = process.env;
    this.#runCount += 1;
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        cwd: this.#folder,
        env: {
          ...environment,
          NO_COLOR: "1",
          DENO_NO_UPDATE_CHECK: "1",
          // Bugs are noticed in many places; a part of them will do.
          DINOMO_FAILOVER_STRIDE: String(failoverStride),
          // And by what is tried in every run: what is noticed only now and then would be missed now and then.
          DINOMO_CAMPAIGN: "0",
          // Each try draws something else, and the same when the tests are repeated with their seed.
          DINOMO_RUN_SEED: String((SEED + this.#runCount) % 2 ** 31),
          DINOMO_IN_TEST: inTest,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        child.kill("SIGKILL");
      }, timeoutMs);
      const collect = (text: string) => void (output += text);
      child.stdout.setEncoding("utf8").on("data", collect);
      child.stderr.setEncoding("utf8").on("data", collect);
      child.on("error", reject);
      child.on("close", (exitCode) => {
        clearTimeout(timer);
        resolve({ exitCode, timedOut, output });
      });
    });
  }
}

/**
 * Plants a bug in the text of a file.
 *
 * The texts to find are written as in the sources; any white space matches any other, because the build formats in its own way.
 *
 * @throws {Error} when a text does not occur exactly once: the bug has to be planted elsewhere by now
 */
export function plant(text: string, bug: Edited): string {
  return bug.edits.reduce((edited, [find, replace]) => {
    const pattern = find.trim().split(/\s+/).map(escapePattern).join("\\s+");
    const count = [...edited.matchAll(new RegExp(pattern, "g"))].length;
    if (count !== 1) throw new Error(`${bug.name}: "${find}" occurs ${count} times in ${bug.file}`);
    return edited.replace(new RegExp(pattern), () => replace);
  }, text);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
