/**
 * package.json and deno.json describe the same package: one version, and one range per dependency.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";

interface Manifest {
  version: string;
  license: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  imports: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  scripts: Record<string, string>;
}

const readManifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(PROJECT_ROOT, name), "utf8"));

const npm = readManifest("package.json");
const jsr = readManifest("deno.json");

test("both name the same version and license", () => {
  assert.is(jsr.version, npm.version);
  assert.is(jsr.license, npm.license);
});

test("both have the same entry points, which are documented and can be imported by name", () => {
  for (const [name, source] of Object.entries(jsr.exports) as [string, string][]) {
    const { types, bun, default: built } = npm.exports[name] as Record<string, string>;
    assert.is(bun, source);
    assert.is(built, source.replace("./", "./dist/").replace(/\.ts$/, ".js"));
    assert.is(types, built!.replace(/\.js$/, ".d.ts"));
    assert.is(jsr.imports[name.replace(".", "dinomo")], source);
    for (const script of ["docs:lint", "docs:html"]) {
      assert.ok(npm.scripts[script]!.includes(` ${source.slice(2)}`), `${script}: ${source}`);
    }
  }
  const names = Object.keys(npm.exports).filter((name) => name !== "./package.json");
  assert.equal(names.sort(), Object.keys(jsr.exports).sort());
});

test("every npm import of deno.json has the range of package.json", () => {
  const ranges = { ...npm.devDependencies, ...npm.dependencies };
  for (const [name, target] of Object.entries(jsr.imports)) {
    if (!target.startsWith("npm:")) continue;
    const [, packageName, subpath] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name)!;
    assert.is(target, `npm:${packageName}@${ranges[packageName!]}${subpath}`);
  }
});

test("every runtime dependency is imported from npm by deno.json", () => {
  for (const name of Object.keys(npm.dependencies)) assert.ok(name in jsr.imports, name);
});

test.run();
