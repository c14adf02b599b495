/**
 * Runs the examples of the documentation, all of them in one process: each one is a module of a
 * temporary folder, which that process imports after the one before.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { findRuntime, PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { currentRuntime, runProgram } from "./program.ts";
import { docstringSnippetsOf, type Snippet, snippetsOf } from "./snippets.ts";

/** Where examples are looked for: files, and folders with all that is in them. */
const PLACES = ["README.md", "CONTRIBUTING.md", "mod.ts", "docs", "lib"];
/** What the process prints in front of what an example prints, behind its number. */
const MARK = "example ";
/** An example that takes longer waits for something. */
const RUN_MS_MAX = 120_000;

/** An example, and where it is. */
export interface DocExample extends Snippet {
  /** The file, relative to the project's folder. */
  readonly file: string;
}

/** What an example printed, and the error that it ended with, if it did. */
export interface ExampleEnd {
  readonly printed: string;
  readonly error: string | undefined;
}

/** How all examples ended. */
export interface ExamplesEnd {
  /** Those that were begun, in their order. */
  readonly ends: readonly ExampleEnd[];
  readonly exitCode: number | null;
  readonly stderr: string;
}

/** All examples of the documentation that are meant to run. */
export function docExamples(): DocExample[] {
  return PLACES.flatMap(filesOf).flatMap((file) => {
    const text = readFileSync(join(PROJECT_ROOT, file), "utf8");
    const snippets = file.endsWith(".md") ? snippetsOf(text) : docstringSnippetsOf(text);
    return snippets.map((snippet) => ({ ...snippet, file }));
  });
}

function filesOf(place: string): string[] {
  if (/\.(md|ts)$/.test(place)) return [place];
  return readdirSync(join(PROJECT_ROOT, place), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(md|ts)$/.test(path)).sort()
    .map((path) => join(place, path));
}

/**
 * What the compiler says of the examples' types; nothing if they are right. Only the files that
 * have examples are given to Deno: it loads each file that it looks for examples in.
 */
export function checkTypes(examples: readonly DocExample[]): string {
  const files = new Set(examples.map(({ file }) => file));
  const { status, stdout, stderr, error } = spawnSync(
    findRuntime("deno"),
    ["check", "--quiet", "--doc-only", ...files],
    { cwd: PROJECT_ROOT, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  if (error !== undefined) throw error;
  return status === 0 ? "" : `${stdout}${stderr}` || `exit code ${status}`;
}

/** Runs the examples on the runtime that runs the test. */
export async function runExamples(examples: readonly DocExample[]): Promise<ExamplesEnd> {
  const output = join(PROJECT_ROOT, "dist");
  mkdirSync(output, { recursive: true });
  // In the project's folder, where "dinomo" is this package.
  const folder = mkdtempSync(join(output, "examples-"));
  const compiled = join(output, relative(PROJECT_ROOT, folder));
  try {
    const names = examples.map(({ source }, i) => {
      const name = `example_${i}.ts`;
      writeFileSync(join(folder, name), `${source}\nexport {};\n`);
      return name;
    });
    const main = join(folder, "main.ts");
    writeFileSync(main, programOf(names));
    if (currentRuntime() === "node") compile([main, ...names.map((name) => join(folder, name))]);
    const { stdout, ...end } = await runProgram(relative(PROJECT_ROOT, main), [], {}, RUN_MS_MAX);
    return { ...end, ends: endsOf(stdout) };
  } finally {
    for (const each of [folder, compiled]) rmSync(each, { recursive: true, force: true });
  }
}

/** The program that imports the examples, one after the other, also behind one that fails. */
function programOf(names: readonly string[]): string {
  const extension = currentRuntime() === "node" ? ".js" : ".ts";
  const modules = names.map((name) => `./${name.replace(/\.ts$/, extension)}`);
  return `for (const [i, name] of ${JSON.stringify(modules)}.entries()) {
  console.log(${JSON.stringify(`\n${MARK}`)} + i);
  try {
    await import(name);
  } catch (error) {
    console.log(${JSON.stringify(`\nfailed ${MARK}`)} + (error as Error).stack);
  }
}
export {};
`;
}

function endsOf(stdout: string): ExampleEnd[] {
  return stdout.split(new RegExp(`^${MARK}\\d+$`, "m")).slice(1).map((text) => {
    const [printed, error] = text.split(`\nfailed ${MARK}`);
    return { printed: printed!, error };
  });
}

/** Makes JavaScript of the examples, where {@linkcode runProgram} looks for it on Node. */
function compile(files: readonly string[]): void {
  const tsc = join(PROJECT_ROOT, "node_modules", "typescript", "bin", "tsc");
  const places = ["--rootDir", PROJECT_ROOT, "--outDir", join(PROJECT_ROOT, "dist")];
  const options = ["--noCheck", "--target", "es2022", "--module", "nodenext", "--noResolve"];
  const args = [tsc, ...places, ...options, "--ignoreConfig", ...files];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    cwd: PROJECT_ROOT,
  });
  if (status !== 0) throw new Error(`the examples do not compile: ${stdout}`);
}
