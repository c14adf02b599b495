/**
 * The README and the pages of docs/: each can be reached, and links lead somewhere. (Their examples
 * are tried by examples_of_documentation.test.ts.)
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import { anchorsOf, linksOf } from "./support/snippets.ts";

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

test.run();
