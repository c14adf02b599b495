/**
 * The published package by `require`: works where Node loads ES modules by it, and says what to do
 * where it does not.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { installPackage } from "../scripts/installed_package.ts";
import { findRuntime, type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { temporaryPath } from "./support/temporary.ts";

const PROGRAM = `
const { open, Store } = require("dinomo");
const { acquireLock } = require("dinomo/lock");
async function main() {
  const imported = await import("dinomo");
  const store = await open({ capacity: "4MiB" });
  await store.put("key", 1);
  await store.scale(2);
  const lock = await acquireLock(store, "lock");
  console.log(await store.get("key"), lock.isHeld, Store === imported.Store, Store.name);
  await lock.release();
  await store.close();
}
main();`;

/** A program and the package, as npm would install it. */
function makeProgram(): string {
  const folder = temporaryPath("program");
  installPackage(folder);
  // Without one Deno imports no package by its name.
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }');
  writeFileSync(join(folder, "main.cjs"), PROGRAM);
  return folder;
}

const FOLDER = makeProgram();

function run(runtime: Runtime, flags: readonly string[] = []) {
  const words = [...flags, ...(runtime === "deno" ? ["run", "-A"] : []), "main.cjs"];
  const options = { cwd: FOLDER, encoding: "utf8", timeout: 60_000 } as const;
  return spawnSync(findRuntime(runtime), words, options);
}

for (const runtime of RUNTIMES) {
  test(`works on ${runtime}, and gives what an import gives`, () => {
    const { stdout, stderr } = run(runtime);
    assert.is(stdout, "1 true true Store\n", stderr);
  });
}

test("a Node that does not load ES modules so is told of import", () => {
  const { status, stderr } = run("node", ["--no-experimental-require-module"]);
  assert.is(status, 1);
  assert.match(stderr, /Error: dinomo is an ES module, which require\(\) takes from Node 20\.19/);
  assert.match(stderr, /use await import\("dinomo"\)/);
  assert.match(stderr, /ERR_REQUIRE_ESM/);
});

test.run();
