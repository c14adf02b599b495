/**
 * Checks the types of the examples in the documentation and in the docstrings, and runs each of
 * them.
 *
 * Only the files that have examples are given to Deno: it loads each file that it looks for
 * examples in, and it would check the types of each thread's module again, each time an example
 * starts a thread.
 *
 * ```sh
 * npm run docs:test
 * npm run docs:test -- docs README.md   # only those of these files and folders
 * ```
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findRuntime, PROJECT_ROOT } from "./runtimes.ts";

/** Where examples are looked for: files, and folders with all that is in them. */
const PLACES = process.argv.length > 2
  ? process.argv.slice(2)
  : ["README.md", "CONTRIBUTING.md", "mod.ts", "docs", "lib"];

/** How an example starts, in Markdown or behind the star of a docstring. */
const EXAMPLE_START = /^[ *]*```(ts|js)\b/m;

const files = PLACES.flatMap(filesOf).filter((file) => {
  return EXAMPLE_START.test(readFileSync(join(PROJECT_ROOT, file), "utf8"));
});
if (files.length === 0) throw new Error(`no example was found in ${PLACES.join(", ")}`);
deno("check", "--quiet", "--doc-only", ...files);
deno("test", "--no-check", "--doc", "--allow-all", "--reporter=dot", ...files);

function filesOf(place: string): string[] {
  if (/\.(md|ts)$/.test(place)) return [place];
  return readdirSync(join(PROJECT_ROOT, place), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(md|ts)$/.test(path))
    .map((path) => join(place, path));
}

/** Runs Deno, and ends this process as Deno ended unless it succeeded. */
function deno(...args: string[]): void {
  const { status, error } = spawnSync(findRuntime("deno"), args, {
    cwd: PROJECT_ROOT,
    stdio: "inherit",
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
