/**
 * The published package on Deno, with as few permissions as it takes: none in memory, and those for
 * its directory with a path.
 *
 * @module
 */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findRuntime, PROJECT_ROOT } from "../scripts/runtimes.ts";
import { temporaryPath } from "./support/temporary.ts";

const BUNDLE = pathToFileURL(join(PROJECT_ROOT, "dist/bundle/mod.js")).href;
const SOURCES = pathToFileURL(join(PROJECT_ROOT, "mod.ts")).href;

/** Opens, writes, reads, starts a second KN, and closes; "killed" ends the process before that. */
const PROGRAM = (module: string) => `
import { open } from ${JSON.stringify(module)};
const [mode, path] = Deno.args;
if (mode === "texts") {
  const store = await open({ capacity: "4MiB" });
  const text = "x".repeat(100);
  await store.put("key", text);
  let isSame = true;
  for (let i = 0; i < 2000; i++) isSame &&= await store.get("key") === text;
  await new Promise((resolve) => setTimeout(resolve, 100));
  console.log(isSame);
  await store.close();
} else if (mode === "read") {
  const store = await open({ path, readOnly: true });
  console.log(store.getSync("key"));
  await store.close();
} else try {
  const inspect = mode === "inspected";
  const processes = mode === "shared";
  const store = await open({ capacity: "4MiB", ...(path && { path }), inspect, processes });
  if (processes) {
    const other = await open({ path, processes });
    console.log(await other.increment("shared"));
    try {
      console.log(other.getSync("shared"));
    } catch (error) {
      console.log(error.name);
    }
    await other.close();
  }
  await store.put("key", (store.getSync("key") ?? 0) + 1);
  await store.scale(2);
  if (path !== undefined) {
    await store.snapshot();
    const again = await open({ path }).catch((error) => error);
    console.log(again.code);
  }
  console.log(store.getSync("key"));
  if (mode === "killed") Deno.exit(0);
  await store.close();
} catch (error) {
  console.log(error.name, error.message);
}`;

function run(
  granted: readonly string[],
  args: readonly string[],
  module = BUNDLE,
  env: typeof process.env = process.env,
): SpawnSyncReturns<string> {
  const file = temporaryPath("program") + ".mjs";
  writeFileSync(file, PROGRAM(module));
  const config = module === SOURCES
    ? ["--config", join(PROJECT_ROOT, "deno.json")]
    : ["--no-config"];
  // Denying something grants nothing; Deno gives a Deno that it starts all permissions if no flag
  // of its command is about them.
  const flags = ["--no-prompt", "--no-check", "--deny-ffi", ...config, ...granted];
  const words = ["run", ...flags, file, ...args];
  return spawnSync(findRuntime("deno"), words, { encoding: "utf8", timeout: 60_000, env });
}

const forDirectory = (path: string) => [`--allow-read=${path}`, `--allow-write=${path}`];

test("a store in memory takes no permission", () => {
  const { stdout, stderr } = run([], ["closed"]);
  assert.is(stdout, "1\n", stderr);
});

test("what is done for long texts asks for no permission", () => {
  const audit = temporaryPath("audit");
  const env = { ...process.env, DENO_AUDIT_PERMISSIONS: audit };
  const { stdout, stderr } = run([], ["texts"], BUNDLE, env);
  assert.is(stdout, "true\n", stderr);
  const asked = existsSync(audit) ? readFileSync(audit, "utf8") : "";
  assert.not.match(asked, /MSGPACKR|ffi/);
});

test("a path takes those to read and to write it, whether it exists or not", () => {
  const fresh = temporaryPath();
  const made = temporaryPath();
  mkdirSync(made);
  for (const path of [fresh, made]) {
    for (const times of [1, 2]) {
      const { stdout, stderr } = run(forDirectory(path), ["closed", path]);
      assert.is(stdout, `DINOMO_LOCKED\n${times}\n`, stderr);
    }
  }
});

test("a path that is only read takes the one to read it, also after a process that was killed", () => {
  const path = temporaryPath();
  for (const mode of ["closed", "killed"]) {
    assert.is(run(forDirectory(path), [mode, path]).status, 0);
    const { stdout, stderr } = run([`--allow-read=${path}`], ["read", path]);
    assert.is(stdout, mode === "closed" ? "1\n" : "2\n", stderr);
  }
});

test("a process that ended without closing its store leaves the path free", () => {
  const path = temporaryPath();
  const { stdout, stderr } = run(forDirectory(path), ["killed", path]);
  assert.is(stdout, "DINOMO_LOCKED\n1\n", stderr);
  assert.is(run(forDirectory(path), ["closed", path]).stdout, "DINOMO_LOCKED\n2\n");
});

test("one that is missing is named by the error of open", () => {
  const path = temporaryPath();
  mkdirSync(path);
  const [read, write] = forDirectory(path);
  for (const [granted, flag] of [[read!, "--allow-write"], [write!, "--allow-read"]] as const) {
    const { stdout, stderr } = run([granted], ["closed", path]);
    assert.match(stdout, new RegExp(`^PathError path must be .*${flag}`), stderr);
  }
});

test("to be inspected takes one more, which the error of open names", () => {
  const path = temporaryPath();
  const missing = run(forDirectory(path), ["inspected", path]);
  const needed = `--allow-net=unix:${join(path, "socket")}`;
  assert.match(missing.stdout, `PathError inspect must be false, or Deno must be allowed`);
  assert.match(missing.stdout, needed);
  assert.not(existsSync(path), "nothing was done");
  const { stdout, stderr } = run([...forDirectory(path), needed], ["inspected", path]);
  assert.is(stdout, "DINOMO_LOCKED\n1\n", stderr);
});

test("to be used by several processes takes one more, which the error of open names", () => {
  const path = temporaryPath();
  const missing = run(forDirectory(path), ["shared", path]);
  const needed = `--allow-net=unix:${join(path, "gateway")}`;
  assert.match(missing.stdout, `PathError processes must be false, or Deno must be allowed`);
  assert.match(missing.stdout, needed);
  assert.not(existsSync(path), "nothing was done");
  const granted = [...forDirectory(path), needed];
  const { stdout, stderr } = run(granted, ["shared", path]);
  assert.is(stdout, "1\nHostOnlyError\nDINOMO_LOCKED\n1\n", stderr);
  const blocking = run([...granted, "--allow-run=mkfifo"], ["shared", path]);
  assert.is(blocking.stdout, "2\n2\nDINOMO_LOCKED\n2\n", blocking.stderr);
});

test("from sources the modules that threads run have to be readable", () => {
  const { status, stdout, stderr } = run([], ["closed"], SOURCES);
  const says = /^NodeFailedError no KN can be started: .*kn\.ts: Deno needs --allow-read/;
  assert.match(stdout, says, `exit code ${status}: ${stdout}${stderr}`);
});

test.run();
