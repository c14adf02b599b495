/**
 * A bundled program needs no file of the package: not for its threads either. Each bundler's output is tried on one of the runtimes.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RECIPES, tryBundler } from "../scripts/bundlers.ts";
import { PROJECT_ROOT, RUNTIMES } from "../scripts/runtimes.ts";

const MODULES = join(PROJECT_ROOT, "node_modules");
/** Those of development: `npm run bundlers` tries the others, too. */
const TRIED = RECIPES.filter(({ packages }) => {
  return packages.every((name) => existsSync(join(MODULES, name)));
});

for (const [i, recipe] of TRIED.entries()) {
  const { name, runtimes = RUNTIMES } = recipe;
  const runtime = runtimes[i % runtimes.length]!;
  test(`a program works as ${name} bundles it, on ${runtime}`, () => {
    const ends = tryBundler(recipe, MODULES, [runtime]);
    assert.equal([...ends], [[runtime, undefined]]);
  });
}

test("bundlers of all kinds are tried", () => {
  const names = TRIED.map(({ name }) => name);
  for (const name of ["esbuild, ESM", "esbuild, CommonJS", "rolldown", "rollup", "webpack, ESM"]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(names.length >= 10, names.join());
});

test.run();
