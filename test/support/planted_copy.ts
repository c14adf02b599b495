/**
 * Copies of this tree in which a bug can be planted, and in which test files can be run.
 *
 * A copy holds what the runtime at hand executes: the sources, or for Node what the build made of
 * them.
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
const FILES = ["package.json", "deno.json", "mod.ts", "test/fixtures"] as const;

const SHORT_RUNS: Edited = {
  name: "uvu has those tests only that it is told to, ends at the first that fails, and says names",
  file: "node_modules/uvu/dist/index.mjs",
  edits: [
    ["write(FAIL);", "write(FAIL); break;"],
    [
      "state.__test__ = test.name;",
      'state.__test__ = test.name; write(`\\nBEGUN "${test.name}"\\n`);',
    ],
    [
      "hook, test, arr = only.length ? only : tests;",
      "hook, test, arr = (only.length ? only : tests)" +
      '.filter(({ name }) => name.includes(process.env["DINOMO_IN_TEST"]));',
    ],
    [
      "let run = runner.bind(0, copy, name);",
      "let run = runner.bind(0, copy, name); run.names = copy.tests.map(({ name }) => name);",
    ],
  ],
};

/** The program that says the names of the tests of files. */
const NAMES_PROGRAM = "test/support/planted_names.ts";
/** Time that it has. */
const NAMES_TIMEOUT_MS = 100_000;
/** What a copy prints of each test that begins. */
const BEGUN = /^BEGUN "(.*)"$/gm;
/** What a test file prints at its end that has no test which it was told to run. */
const SUMMARY_OF_NONE = /Total: +0\n/;

/** What is changed in a file. */
type Edited = Pick<PlantedBug, "name" | "file" | "edits">;

/** How a test file ended in a copy. */
export interface CopyRun {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly output: string;
  /**
   * The test that was begun last: the one that has failed, or hung, if one has. Undefined: none
   * was.
   */
  readonly lastTest: string | undefined;
}

/** How a file of a copy is run. */
interface RunOptions {
  /** Time of each test, after which the file is ended. */
  readonly timeoutMs: number;
  /** Part of the names of the tests that are run. @default any */
  readonly inTest?: string | undefined;
  readonly failoverStride?: number | undefined;
  /** Arguments of the program. */
  readonly testFiles?: readonly string[];
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
    for (const file of FILES) {
      cpSync(join(PROJECT_ROOT, file), join(this.#folder, file), { recursive: true });
    }
    this.#linkPackages();
  }

  /**
   * Runs a test file of the copy, with a planted bug or without one, and ends it when one of its
   * tests takes longer than the time given.
   *
   * @throws {Error} when no test has the name that the bug says: nothing was tried then
   */
  async run(testFile: string, bug: PlantedBug | undefined, timeoutMs: number): Promise<CopyRun> {
    if (bug === undefined) return await this.#spawn(testFile, { timeoutMs });
    const { inTest, failoverStride } = bug;
    const path = this.#pathOf(bug.file);
    const original = readFileSync(path, "utf8");
    writeFileSync(path, plant(original, bug));
    try {
      const ended = await this.#spawn(testFile, { inTest, timeoutMs, failoverStride });
      if (!SUMMARY_OF_NONE.test(ended.output)) return ended;
      throw new Error(`no test of ${testFile} has "${inTest ?? ""}" in its name`);
    } finally {
      writeFileSync(path, original);
    }
  }

  /**
   * The names of the tests of files, as the files themselves register them: none is run.
   *
   * @throws {Error} when one of the files cannot be loaded
   */
  async namesOf(testFiles: readonly string[]): Promise<Record<string, readonly string[]>> {
    const ended = await this.#spawn(NAMES_PROGRAM, { timeoutMs: NAMES_TIMEOUT_MS, testFiles });
    if (ended.exitCode !== 0) throw new Error(`the names of tests are not said:\n${ended.output}`);
    return JSON.parse(ended.output) as Record<string, readonly string[]>;
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
    file: string,
    { timeoutMs, inTest = "", failoverStride = 5, testFiles = [] }: RunOptions,
  ): Promise<CopyRun> {
    const { program, args } = runtimeCommand(THIS_RUNTIME, file, this.#folder);
    // A seed is for one test that is to be run again; here it would leave out what the others look
    // for.
    const { FORCE_COLOR: _, DINOMO_SEED: __, ...environment } = process.env;
    this.#runCount += 1;
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...args, ...testFiles], {
        cwd: this.#folder,
        env: {
          ...environment,
          NO_COLOR: "1",
          DENO_NO_UPDATE_CHECK: "1",
          // Bugs are noticed in many places; a part of them will do.
          DINOMO_FAILOVER_STRIDE: String(failoverStride),
          // And by what is tried in every run: what is noticed only now and then would be missed
          // now and then.
          DINOMO_CAMPAIGN: "0",
          // Each try draws something else, and the same when the tests are repeated with their
          // seed.
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
      const collect = (text: string) => {
        output += text;
        if (text.includes("BEGUN")) timer.refresh();
      };
      child.stdout.setEncoding("utf8").on("data", collect);
      child.stderr.setEncoding("utf8").on("data", collect);
      child.on("error", reject);
      child.on("close", (exitCode) => {
        clearTimeout(timer);
        const lastTest = [...output.matchAll(BEGUN)].at(-1)?.[1];
        resolve({ exitCode, timedOut, output, lastTest });
      });
    });
  }
}

/**
 * Plants a bug in the text of a file.
 *
 * The texts to find are written as in the sources; any white space matches any other, because the
 * build formats in its own way.
 *
 * @throws {Error} when a text does not occur exactly once: the bug has to be planted elsewhere by
 *   now
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
