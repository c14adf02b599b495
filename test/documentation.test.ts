/**
 * The README and the pages of docs/: links lead somewhere, and the examples that a newcomer tries
 * print what they say, on the runtime that runs this. (examples_of_pages.test.ts checks the types
 * of all.)
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import { currentRuntime, runProgram } from "./support/program.ts";
import { anchorsOf, linksOf, plainOutput, snippetsOf } from "./support/snippets.ts";

/** What a newcomer reads first, and tries. */
const TRIED = ["README.md", "docs/cookbook.md"];
/** So many lines are read; a longer README is not. */
const README_LINES_MAX = 200;

const read = (page: string) => readFileSync(join(PROJECT_ROOT, page), "utf8");
const pages = [
  ...readdirSync(PROJECT_ROOT),
  ...readdirSync(join(PROJECT_ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .map((name) => join("docs", name)),
].filter((name) => name.endsWith(".md"));

test("the README is short", () => {
  assert.ok(read("README.md").split("\n").length - 1 <= README_LINES_MAX);
});

test("every page can be reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const page of reached) {
    for (const link of linksOf(read(page))) {
      const target = link.split("#")[0]!;
      if (target.endsWith(".md")) {
        reached.add(relative(PROJECT_ROOT, resolve(PROJECT_ROOT, dirname(page), target)));
      }
    }
  }
  assert.equal(pages.filter((page) => page.startsWith("docs") && !reached.has(page)), []);
});

for (const page of pages) {
  test(`links of ${page}`, () => {
    const dead = linksOf(read(page)).filter((link) => {
      const [path, anchor] = link.split("#") as [string, string?];
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(PROJECT_ROOT, target))) return true;
      if (anchor === undefined || statSync(join(PROJECT_ROOT, target)).isDirectory()) return false;
      return !anchorsOf(read(target)).has(anchor);
    });
    assert.equal(dead, []);
  });
}

for (const page of TRIED) {
  const snippets = snippetsOf(read(page));
  mkdirSync(join(PROJECT_ROOT, "dist"), { recursive: true });
  // In the project's folder, where "dinomo" is this package.
  const folder = mkdtempSync(join(PROJECT_ROOT, "dist", "snippets-"));
  const compiled = join(PROJECT_ROOT, "dist", relative(PROJECT_ROOT, folder));
  process.once("exit", () => {
    for (const each of [folder, compiled]) rmSync(each, { recursive: true, force: true });
  });
  const files = snippets.map(({ line, source }) => {
    const file = join(folder, `line_${line}.ts`);
    writeFileSync(file, `${source}\nexport {};\n`);
    return file;
  });

  test(`${page} has examples that say what they print`, () => {
    assert.ok(snippets.length >= 3);
    if (currentRuntime() === "node") compile(files);
  });

  for (const [i, { line, expected }] of snippets.entries()) {
    test(`${page}, line ${line}`, async () => {
      const { stdout, stderr, exitCode } = await runProgram(relative(PROJECT_ROOT, files[i]!));
      assert.is(stderr, "");
      assert.is(exitCode, 0);
      const printed = plainOutput(stdout);
      for (const text of expected) assert.ok(printed.includes(text), `${text} in ${stdout}`);
    });
  }
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
  assert.is(status, 0, stdout);
}

test.run();
