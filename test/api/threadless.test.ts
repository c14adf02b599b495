/**
 * Threads that cannot be started: whatever the reason, every operation ends in bounded time, as it
 * should or with a typed error, the process ends by itself, and the directory can be opened again.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";
import { PROJECT_ROOT, runtimeCommand } from "../../scripts/runtimes.ts";
import { currentRuntime } from "../support/child.ts";
import type { ThreadlessMode, ThreadlessStep } from "../support/children/threadless.ts";
import { temporaryPath } from "../support/temporary.ts";

/** Far longer than any of it takes; a child that hangs is killed then. */
const CHILD_MS_MAX = 150_000;
/** How many descriptors a child may have that uses them up. */
const DESCRIPTORS_MAX = 200;
const RUNTIME = currentRuntime();
const isSource = import.meta.url.endsWith(".ts");
const MODULE = pathToFileURL(join(PROJECT_ROOT, isSource ? "mod.ts" : "dist/mod.js")).href;

interface End {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runCommand(program: string, args: readonly string[], input?: string): Promise<End> {
  const child = spawn(program, [...args], { cwd: PROJECT_ROOT, stdio: ["pipe", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), CHILD_MS_MAX);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  child.stdin.end(input);
  const [exitCode] = await once(child, "close");
  clearTimeout(timer);
  return { exitCode, stdout, stderr };
}

/** Runs the child in one of its modes; returns what its steps came to, by name. */
async function runThreadless(mode: ThreadlessMode, root: string) {
  const { args } = runtimeCommand(RUNTIME, "test/support/children/threadless.ts");
  const words = [process.execPath, ...args, JSON.stringify({ mode, root })];
  const end = await runCommand("sh", [
    "-c",
    `ulimit -n ${mode === "descriptors" ? DESCRIPTORS_MAX : 1000}; exec "$@"`,
    "sh",
    ...words,
  ]);
  assert.is(end.exitCode, 0, `${mode}: ${end.stdout}\n${end.stderr}`);
  const lines = end.stdout.split("\n").filter((line) => line.startsWith("@dinomo "));
  const steps = lines.map((line) => JSON.parse(line.slice(8)) as ThreadlessStep);
  return new Map(steps.map((step) => [step.step, step]));
}

type Steps = Awaited<ReturnType<typeof runThreadless>>;

function assertWorked(steps: Steps, ...names: readonly string[]): void {
  for (const name of names) {
    const step = steps.get(name);
    assert.ok(step !== undefined && step.error === undefined, `${name}: ${JSON.stringify(step)}`);
  }
}

/** Checks the class, the code and the message of an error, and that it knows its cause. */
function assertFailed(steps: Steps, name: string, code: string, cause: RegExp): void {
  const { error } = steps.get(name)!;
  assert.is(error?.[1], code, `${name}: ${JSON.stringify(steps.get(name))}`);
  assert.match(`${error![2]} ${error![3]}`, cause, name);
}

const STORES = ["logged", "disk", "saved", "memory"] as const;
const ALWAYS = ["putSync of an object"];
for (const name of STORES) ALWAYS.push(`put of an object: ${name}`, `get: ${name}`);
const WITH_FILES = ["cleaning", "expiry", "flush", "put after scale", "snapshot"];

async function assertReopens(root: string, name: string, objects: number): Promise<void> {
  await using store = await open<unknown>({ path: join(root, name) });
  assert.equal(store.getSync("object"), objects === 1 ? { a: 1 } : { a: 2, b: 3 });
}

for (const mode of ["gone", "exits"] as const) {
  test(`a store does without threads whose modules are ${mode === "gone" ? mode : "broken"}`, async () => {
    const root = temporaryPath();
    const steps = await runThreadless(mode, root);
    assertWorked(steps, ...ALWAYS, ...WITH_FILES);
    for (const name of STORES) {
      assertWorked(steps, `close: ${name}`);
      assert.equal(steps.get(`get: ${name}`)!.result, { a: 2, b: 3 });
    }
    assert.is(steps.get("expiry")!.result, false);
    assertFailed(steps, "scale", "DINOMO_NODE_FAILED", mode === "gone" ? /kn\./ : /exit code 3/);
    for (const name of ["backup", "backup of a store in memory"]) {
      // Whether modules can be loaded again whose files are gone depends on the runtime.
      if (mode === "gone" && steps.get(name)!.error !== undefined) {
        assertFailed(steps, name, "DINOMO_SNAPSHOT", /cannot be loaded|could not be started/);
      } else assertWorked(steps, name);
    }
    for (const name of ["logged", "disk", "saved"]) await assertReopens(root, name, 2);
  });
}

test("a store without descriptors for threads goes on, and starts them when there are some", async () => {
  const root = temporaryPath();
  const steps = await runThreadless("descriptors", root);
  assertWorked(steps, ...ALWAYS, ...WITH_FILES, "backup", "backup of a store in memory");
  assertFailed(steps, "scale", "DINOMO_NODE_FAILED", /EMFILE/);
  assert.is(steps.get("scale with descriptors")!.result, 2);
  assertWorked(steps, "backup with descriptors");
  for (const name of STORES) assertWorked(steps, `close: ${name}`);
  for (const name of ["logged", "disk", "saved"]) await assertReopens(root, name, 2);
});

/** A program that is given on the command line, and needs threads of both kinds. */
function programOf(path: string): string {
  return `
    const { open } = await import(${JSON.stringify(MODULE)});
    const store = await open({ path: ${JSON.stringify(path)}, capacity: "1MiB" });
    await store.put("object", { a: 1 });
    await store.scale(2);
    await store.snapshot();
    await store.close();
    console.log("done");`;
}

const INVOCATIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  node: {
    "--input-type=module -e": ["--input-type=module", "-e", "PROGRAM"],
    "--input-type=module, standard input": ["--input-type=module", "-"],
  },
  bun: { "-e": ["-e", "PROGRAM"] },
  deno: {
    "run, standard input": ["run", "-A", "-"],
    "run without the environment": [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "--allow-sys",
      "-",
    ],
  },
};

for (const [name, args] of Object.entries(INVOCATIONS[RUNTIME]!)) {
  test(`threads start under ${RUNTIME} ${name}`, async () => {
    const path = temporaryPath();
    const program = programOf(path);
    const given = args.map((arg) => arg === "PROGRAM" ? program : arg);
    const end = await runCommand(process.execPath, given, program);
    assert.is(end.stdout.trim(), "done", end.stderr);
    assert.is(end.exitCode, 0);
    await using store = await open<unknown>({ path });
    assert.equal(store.getSync("object"), { a: 1 });
  });
}

if (RUNTIME === "deno") {
  test("Deno's sanitizers see nothing that a closed store has left behind", async () => {
    const file = "test/support/children/sanitized.ts";
    const end = await runCommand(process.execPath, ["test", "-A", "--no-check", file]);
    assert.is(end.exitCode, 0, end.stdout + end.stderr);
    assert.match(end.stdout, /1 passed/);
  });
}

test.run();
