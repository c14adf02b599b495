/**
 * package.json and deno.json describe the same package: one version, and one range per dependency.
 *
 * @module
 */
import { execSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { SourceMap, type SourceMapping } from "node:module";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BUNDLE_FOLDER, ENTRIES } from "../scripts/bundle.ts";
import { declarationsOf } from "../scripts/declarations.ts";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import { temporaryPath } from "./support/temporary.ts";

interface Manifest {
  version: string;
  license: string;
  engines: Record<string, string>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  imports: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  scripts: Record<string, string>;
}

/** What `npm pack` says of a package. */
interface Pack {
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** With what it depends on, 0.45 MB, it has to stay below 5 MB; the rest is for what is to come. */
const PACKAGE_BYTES_MAX = 3_850_000;
/** Modules that are no longer have nothing of a source: they import and export. */
const GLUE_CHARACTERS = 2000;

const readManifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(PROJECT_ROOT, name), "utf8"));

const npm = readManifest("package.json");
const jsr = readManifest("deno.json");

test("both name the same version and license", () => {
  assert.is(jsr.version, npm.version);
  assert.is(jsr.license, npm.license);
});

test("the README names the oldest Node that package.json allows", () => {
  // The first one that has process.getBuiltinModule.
  assert.is(npm.engines["node"], ">=20.16.0");
  assert.match(readFileSync(join(PROJECT_ROOT, "README.md"), "utf8"), "Node 20.16 and newer");
});

test("both have the same entry points, which are documented and can be imported by name", () => {
  for (const [name, source] of Object.entries(jsr.exports) as [string, string][]) {
    const { types, require, ...built } = npm.exports[name] as Record<string, string>;
    const bundled = Object.keys(ENTRIES).find((entry) => `./${ENTRIES[entry]}` === source);
    assert.equal([...new Set(Object.values(built))], [`./dist/bundle/${bundled}.js`]);
    assert.is(types, source.replace("./", "./dist/").replace(/\.ts$/, ".d.ts"));
    // Only what does not know "module-sync", and so no ES modules either, gets that far.
    const conditions = Object.keys(npm.exports[name]!);
    assert.ok(conditions.indexOf("module-sync") < conditions.indexOf("require"));
    assert.is(require, "./dist/bundle/require.cjs");
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

test("the package has what it names, and is small", () => {
  const command = "npm pack --dry-run --json --ignore-scripts";
  const [pack] = JSON.parse(execSync(command, { cwd: PROJECT_ROOT, encoding: "utf8" })) as [Pack];
  const paths = new Set(pack.files.map(({ path }) => `./${path}`));
  for (const entry of Object.values(npm.exports)) {
    for (const path of typeof entry === "string" ? [entry] : Object.values(entry)) {
      assert.ok(paths.has(path), path);
    }
  }
  for (const path of Object.values(npm.bin)) assert.ok(paths.has(path), path);
  const bundled = [...paths].filter((path) => /^\.\/dist\/bundle\/.*\.js$/.test(path));
  for (const path of bundled) {
    const text = readFileSync(join(PROJECT_ROOT, path), "utf8");
    // Deno would read them at every start.
    assert.not.match(text, /sourceMappingURL/, path);
    if (text.length > GLUE_CHARACTERS) assert.ok(paths.has(`${path}.map`), path);
    // Then Bun does not translate it.
    assert.match(text, /^(?:#!.*\n)?\/\/ @bun\n/, path);
  }
  for (const worker of ["kn", "dpm", "gateway", "cluster"]) {
    const name = new RegExp(`/${worker}-[0-9a-f]{8}\\.js$`);
    assert.is(bundled.filter((path) => name.test(path)).length, 1, worker);
  }
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md"]) assert.ok(paths.has(`./${name}`));
  const readme = readFileSync(join(PROJECT_ROOT, "README.md"), "utf8");
  const pages = [...readme.matchAll(/\]\((docs\/[\w-]+\.md|examples\/[\w/]+\.ts)/g)];
  assert.ok(pages.length > 20, `${pages.length} pages`);
  for (const [, page] of pages) assert.ok(paths.has(`./${page}`), page);
  assert.ok([...paths].every((path) => !/\/(?:test|bench|scripts)\//.test(path)));
  const types = Object.values(npm.exports).flatMap((entry) =>
    typeof entry === "string" ? [] : [join(PROJECT_ROOT, entry["types"]!)]
  );
  const declared = [...declarationsOf(types)];
  const inPackage = [...paths].filter((path) => /^\.\/dist\/.*\.d\.ts$/.test(path));
  const named = declared.map((path) => `./${relative(PROJECT_ROOT, path)}`);
  assert.equal(inPackage.sort(), named.sort(), "all declarations that entries lead to, no others");
  assert.ok(pack.unpackedSize < PACKAGE_BYTES_MAX, `${pack.unpackedSize} bytes`);
});

/** The modules in dist/bundle/ that one loads at once, itself included. */
function loadedWith(file: string, found = new Map<string, string>()): Map<string, string> {
  if (found.has(file)) return found;
  const text = readFileSync(join(BUNDLE_FOLDER, file), "utf8");
  found.set(file, text);
  for (const [, name] of text.matchAll(/^(?:import|export)\b[^;]*?"\.\/([^"]+)";$/gm)) {
    loadedWith(name!, found);
  }
  return found;
}

test("an import of the package loads few modules, and none of what opens a store", () => {
  const loaded = loadedWith("mod.js");
  const texts = [...loaded.values()];
  assert.ok(loaded.size >= 3 && loaded.size <= 6, [...loaded.keys()].join());
  // Larger ones are slow to load on Deno.
  for (const [name, text] of loaded) assert.ok(text.length < 400_000, `${name}: ${text.length}`);
  const isIn = (word: string) => texts.some((text) => text.includes(word));
  assert.ok(isIn("StoreOperations"));
  const opening = ["NodeManager", "Autoscaler", "FarStoreReads", "ClientCache {", "node:zlib"];
  // What is not used at all, and what takes Bun milliseconds to load.
  for (const word of [...opening, "class Packr ", '"node:util"', '"node:os"', '"node:crypto"']) {
    assert.not.ok(isIn(word), word);
  }
});

test("source maps lead to the sources, and say no more than that", () => {
  let stacks = 0;
  for (const [name, text] of loadedWith("mod.js")) {
    if (text.length <= GLUE_CHARACTERS) continue;
    const map = JSON.parse(readFileSync(join(BUNDLE_FOLDER, `${name}.map`), "utf8"));
    for (const source of map.sources) {
      assert.ok(existsSync(resolve(BUNDLE_FOLDER, source)), `${name}: ${source}`);
    }
    assert.equal([map.names, map.sourcesContent.join("")], [[], ""], name);
    // Where the message of an error is made.
    for (const [i, line] of text.split("\n").entries()) {
      const column = line.indexOf("must be a positive whole number of bytes or a string such as");
      if (column < 0) continue;
      const place = new SourceMap(map).findEntry(i, column) as SourceMapping;
      assert.match(place.originalSource, /lib\/core\/units\.ts$/);
      const source = readFileSync(resolve(BUNDLE_FOLDER, place.originalSource), "utf8");
      assert.match(source.split("\n")[place.originalLine]!, "must be a positive whole number of");
      stacks += 1;
    }
  }
  assert.is(stacks, 1);
});

test("stack traces name the functions of the package, and on Bun the lines of its sources", async () => {
  const bundle = pathToFileURL(join(BUNDLE_FOLDER, "mod.js")).href;
  const { open } = await import(bundle) as typeof import("../mod.ts");
  const error: Error = await open({ capacity: 1 }).catch((error) => error);
  const place = process.versions["bun"] === undefined
    ? /openStore \(\S*\/dist\/bundle\/chunk-\S+\.js:\d+/
    : /openStore \(\S*\/lib\/store\/open_store\.ts:\d+/;
  assert.match(error.stack!, place);
});

test("threads that share modules with the package start from their files, and from their texts", async () => {
  const copy = temporaryPath("bundle");
  const isWorker = /(?:^|\/)(?:kn|dpm|gateway|cluster)-[0-9a-f]{8}\.js$/;
  cpSync(BUNDLE_FOLDER, copy, { recursive: true, filter: (path) => !isWorker.test(path) });
  for (const folder of [BUNDLE_FOLDER, copy]) {
    const hasFiles = readdirSync(folder).filter((name) => isWorker.test(name)).length;
    assert.is(hasFiles, folder === copy ? 0 : 4);
    const module = pathToFileURL(join(folder, "mod.js")).href;
    const { open } = await import(module) as typeof import("../mod.ts");
    const options = { path: temporaryPath(), capacity: "4MiB", processes: true } as const;
    const host = await open(options);
    const guest = await open(options);
    assert.is(await guest.increment("shared"), 1, folder);
    assert.is(await host.get("shared"), 1, folder);
    await guest.close();
    await host.close();
  }
});

test("what the package takes from npm is in it, or one of at most five packages", () => {
  const modules = join(PROJECT_ROOT, "node_modules");
  const names = new Set(Object.keys(npm.dependencies));
  for (const name of names) {
    const manifest = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
    for (const other of Object.keys(manifest.dependencies ?? {})) names.add(other);
    const scripts = Object.keys(manifest.scripts ?? {});
    assert.not.ok(scripts.some((script) => /^(?:pre|post)?install$/.test(script)), name);
  }
  assert.ok(names.size <= 4, [...names].join());
});

test.run();
