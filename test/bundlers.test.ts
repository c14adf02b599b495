/**
 * A bundled program needs no file of the package: not for its threads either. Each bundler's output
 * is tried on one of the runtimes.
 *
 * @module
 */
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RECIPES } from "../scripts/bundler_recipes.ts";
import { tryBundler } from "../scripts/bundlers.ts";
import { PROJECT_ROOT, RUNTIMES } from "../scripts/runtimes.ts";
import { temporaryPath } from "./support/temporary.ts";

const MODULES = join(PROJECT_ROOT, "node_modules");
const ROOT = temporaryPath("bundled");
mkdirSync(ROOT);
symlinkSync(MODULES, join(ROOT, "node_modules"), "junction");

/** These take most of the time, and one like them is tried anyhow. */
const RARELY = [
  "webpack, CommonJS",
  "rollup",
  "bun build --compile",
  "bun build --target=node",
  "deno bundle",
];
/** Those of development: `npm run bundlers` tries the others, too. */
const TRIED = RECIPES.filter(({ name, packages }) => {
  const isInstalled = packages.every((packageName) => existsSync(join(MODULES, packageName)));
  return isInstalled && (process.env["DINOMO_CAMPAIGN"] === "1" || !RARELY.includes(name));
});

for (const [i, recipe] of TRIED.entries()) {
  const { name, runtimes = RUNTIMES } = recipe;
  const runtime = runtimes[i % runtimes.length]!;
  test(`a program works as ${name} bundles it, on ${runtime}`, async () => {
    const ends = await tryBundler(recipe, ROOT, [runtime], true);
    assert.equal([...ends], [[runtime, undefined]]);
  });
}

test("bundlers of all kinds are tried", () => {
  const names = TRIED.map(({ name }) => name);
  for (
    const name of ["esbuild, ESM", "esbuild, CommonJS", "rolldown", "webpack, ESM", "bun build"]
  ) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(names.length >= 5, names.join());
});

test.run();
