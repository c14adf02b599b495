/**
 * What `dinomo` is asked for: help, versions, and everything that means nothing or names no pool.
 *
 * @module
 */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { COMMANDS } from "../../lib/cli/main.ts";
import { open } from "../../mod.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { closedPool } from "../support/cli_pools.ts";
import { dinomo, dinomoHere } from "../support/command.ts";
import { temporaryPath } from "../support/temporary.ts";

const NAMES = [
  "top",
  "get",
  "keys",
  "watch",
  "put",
  "info",
  "verify",
  "dump",
  "restore",
  "repair",
];
const isRoot = process.getuid?.() === 0;

interface Manifest {
  version: string;
  bin: Record<string, string>;
  files: string[];
}

const manifest: Manifest = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8"));

/** Checks a refusal: one line on the error output, and nothing else. */
async function assertRefused(args: readonly string[], exitCode: number, says: RegExp) {
  const end = await dinomoHere(args);
  const context = args.join(" ");
  assert.is(end.exitCode, exitCode, `${context}: ${end.stderr}`);
  // A dump that fails says so to whoever reads a pipe, too.
  const isDump = args[0] === "dump" && exitCode !== 2;
  assert.match(end.stdout, isDump ? /^{"incomplete":"[^\n]*"}\n$/ : /^$/, context);
  assert.match(end.stderr, /^dinomo: [^\n]+\n$/, context);
  assert.match(end.stderr, says, context);
}

test("--help lists every command and every exit code, on the standard output", async () => {
  assert.equal(COMMANDS.map(({ name }) => name), NAMES);
  const end = await dinomo(["--help"]);
  assert.is(end.exitCode, 0);
  assert.is(end.stderr, "");
  for (const name of NAMES) assert.match(end.stdout, new RegExp(`^  ${name} <path>.*  +\\w`, "m"));
  for (const code of [0, 1, 2, 3]) assert.match(end.stdout, new RegExp(`^  ${code}  \\w`, "m"));
  for (const args of [["-h"], ["help"]]) {
    assert.is((await dinomoHere(args)).stdout, end.stdout);
  }
});

test("the help on a command has all of its options, and fits a terminal", async () => {
  for (const command of COMMANDS) {
    const end = await dinomoHere(["help", command.name]);
    assert.is(end.exitCode, 0);
    assert.match(end.stdout, `Usage: dinomo ${command.name} <path>`);
    for (const option of [...Object.keys(command.rules), "help"]) {
      assert.match(end.stdout, new RegExp(`^  --${option}( <\\w+>)?  +\\w`, "m"), option);
    }
    for (const line of end.stdout.split("\n")) assert.ok(line.length <= 92, line);
    assert.equal(await dinomoHere([command.name, "--help"]), end);
    assert.equal(await dinomoHere([command.name, "x", "-h"]), end);
  }
});

test("--version is the package's, also from another folder", async () => {
  const end = await dinomo(["--version"]);
  assert.equal(end, { exitCode: 0, stdout: `${manifest.version}\n`, stderr: "" });
});

test("package.json names the program that the build makes, packs it, and it runs", async () => {
  assert.equal(manifest.bin, { dinomo: "./dist/bundle/dinomo.js" });
  assert.ok(manifest.files.includes("dist/bundle"));
  const shebang = /^#!\/usr\/bin\/env node\n/;
  assert.match(readFileSync(join(PROJECT_ROOT, "bin/dinomo.ts"), "utf8"), shebang);
  const built = join(PROJECT_ROOT, "dist/bundle/dinomo.js");
  if (!existsSync(built)) return;
  assert.match(readFileSync(built, "utf8"), shebang);
  const { stdout } = await promisify(execFile)("node", [built, "--version"]);
  assert.is(stdout, `${manifest.version}\n`);
});

test("a command line that means nothing is refused with exit code 2", async () => {
  const end = await dinomo(["inform", "x"]);
  assert.is(end.exitCode, 2);
  assert.is(end.stdout, "");
  assert.match(end.stderr, /^dinomo: command must be one of top, .*, got "inform"; see .*\n$/);
  const cases: [string[], RegExp][] = [
    [[], /command must come first/],
    [["--json", "info"], /options must be among --help, --version, got --json/],
    [["--help", "--version"], /command must come first/],
    [["help", "inform"], /command must be one of .* got "inform"/],
    [["help", "info", "dump"], /one command, got "info dump"/],
    [["info"], /the path of one pool, got nothing/],
    [["info", ""], /the path of one pool, got ""/],
    [["info", "a", "b"], /the path of one pool, got "a" "b"/],
    [["info", "a", "--prefix", "x"], /among --json, --progress, --quiet, --help, got --prefix/],
    [["info", "a", "--constructor"], /got --constructor/],
    [["info", "a", "-j"], /got -j/],
    [["info", "a", "--json", "--json"], /--json must be given once/],
    [["info", "a", "--json=yes"], /--json must have no value, got "yes"/],
    [["get", "a"], /the path of one pool and <key>, got "a"/],
    [["get", "a", "b", "c"], /the path of one pool and <key>, got "a" "b" "c"/],
    [["put", "a", "b", "c"], /value must be JSON, or a string with --text: /],
    [["put", "a", "b", '{"$date":"x"}'], /value must be JSON, .* must be a tag/],
    [["put", "a", "b", "1", "--ttl", "0"], /--ttl must be a whole number from 1, got "0"/],
    [["keys", "a", "--limit", "many"], /--limit must be a whole number from 1, got "many"/],
    [["verify", "https://a/b"], /path must be a path, or a file: URL .*, got "https:\/\/a\/b"/],
    [["verify", "~/a"], /path must be a path, or a file: URL of one; "~" and/],
    [["watch", "a"], /watch must be given keys, or --prefix, and not both/],
    [["watch", "a", "b", "--prefix", "c"], /watch must be given keys, or --prefix, and not both/],
    [["dump", "a", "--prefix"], /--prefix must have a value/],
    [["restore", "a", "--codec", "xml"], /--codec must be one of msgpack, .*, got "xml"/],
    [["restore", temporaryPath(), "--capacity", "much"], /capacity must be a positive whole/],
    [["restore", temporaryPath(), "--capacity", "1KiB"], /capacity must be from/],
    [["restore", temporaryPath(), "--segment-bytes", "5000"], /segmentBytes must be a power/],
    [["restore", temporaryPath(), "--durability", "ram"], /durability must be "memory", /],
  ];
  for (const [args, says] of cases) await assertRefused(args, 2, says);
});

test("a path without a pool is refused with exit code 3, by every command", async () => {
  const missing = temporaryPath("missing");
  const end = await dinomo(["verify", missing]);
  assert.is(end.exitCode, 3);
  assert.is(end.stderr, `dinomo: path must be a pool, and "${missing}" does not exist\n`);
  const empty = temporaryPath("empty");
  mkdirSync(empty);
  const file = temporaryPath("file");
  writeFileSync(file, "x");
  const foreign = temporaryPath("foreign");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "checkpoint"), "something else, and not short");
  const commands = [
    "info",
    "verify",
    "dump",
    "repair",
    "get k",
    "keys",
    "top",
    "watch k",
    "put k 1",
  ];
  for (const [command, ...words] of commands.map((line) => line.split(" ") as [string])) {
    const refused = (path: string, says: RegExp) =>
      assertRefused([command, path, ...words], 3, says);
    await refused(missing, /does not exist/);
    await refused(empty, /holds no file "checkpoint"/);
    await refused(file, /which is a file/);
    await refused(join(file, "x"), /failed at/);
    const isOfFiles = !["top", "watch", "put"].includes(command);
    await refused(foreign, isOfFiles ? /must begin with "DINOMOCP", got "somethin"/ : /inspect/);
  }
  for (const path of [empty, file, foreign]) await assertRefused(["restore", path], 3, /exists/);
  await assertRefused(["restore", temporaryPath(), "--input", missing], 3, /--input .* ENOENT/);
  await assertRefused(["restore", temporaryPath(), "--input", empty], 3, /it is a directory/);
  await assertRefused(["restore", join(missing, "x"), "--input", file], 1, /line 1/);
});

test("what needs the pool, or its process, is refused with exit code 3 without it", async () => {
  const path = temporaryPath();
  const store = await open({ path, capacity: "1MiB" });
  for (const command of ["dump", "repair"]) {
    const end = await dinomo([command, path]);
    assert.is(end.exitCode, 3, end.stderr);
    assert.match(end.stderr, /^dinomo: [^\n]* open[^\n]*\n$/);
    await assertRefused([command, path], 3, / open/);
  }
  for (const args of [["get", path, "a"], ["keys", path]]) {
    await assertRefused(
      args,
      3,
      / open.* with the option inspect or processes of open it can be looked at/,
    );
  }
  for (const args of [["top", path], ["watch", path, "a"], ["put", path, "a", "1"]]) {
    await assertRefused(
      args,
      3,
      /a pool that a process has open with the option inspect or processes, got/,
    );
  }
  await store.close();
  assert.is((await dinomo(["verify", path])).exitCode, 0);
  const { href } = pathToFileURL(path);
  assert.is((await dinomoHere(["verify", href, "--ordered"])).exitCode, 0);
  assert.is((await dinomoHere(["keys", href])).exitCode, 0);
  assert.equal(readdirSync(path).sort(), ["checkpoint", "image-1"], "the lock is gone");
});

test("a directory that may not be read is refused, one that may not be written is read", async () => {
  const path = await closedPool({}, (store) => store.put("a", 1));
  chmodSync(path, 0o500);
  try {
    assert.is((await dinomoHere(["verify", path])).exitCode, 0);
    if (isRoot) return;
    chmodSync(path, 0o000);
    await assertRefused(["verify", path], 3, /permission/);
  } finally {
    chmodSync(path, 0o700);
  }
});

test.run();
