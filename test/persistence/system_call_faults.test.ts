/**
 * Real processes whose system calls fail: strace puts errors in the place of calls, as a disk would
 * that breaks or is full.
 *
 * On Linux a failure where there is no strace, or where it may not trace; other systems have none.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, runtimeCommand } from "../../scripts/runtimes.ts";
import { open } from "../../mod.ts";
import { currentRuntime } from "../support/child.ts";
import type { FaultedReport, FaultedUse } from "../support/children/faulted_writer.ts";
import { temporaryPath } from "../support/temporary.ts";

const MESSAGE = /^@dinomo (.*)$/m;
const TIMEOUT_MS = 60_000;

/** Calls that fail from some number on, for good, and why. */
const FAULTS: readonly { durability: FaultedUse["durability"]; inject: string; failure: string }[] =
  [
    { durability: "disk", inject: "fdatasync:error=EIO:when=9+", failure: "sync" },
    { durability: "os", inject: "pwrite64:error=ENOSPC:when=40+", failure: "write" },
    { durability: "os", inject: "pwrite64:error=EIO:when=25+", failure: "write" },
  ];

function canTrace(): boolean {
  const { status } = spawnSync("strace", ["-qq", "-o", "/dev/null", "-e", "trace=none", "true"]);
  return status === 0;
}

function runFaulted(use: FaultedUse, inject: string): FaultedReport {
  const runtime = currentRuntime();
  const { args } = runtimeCommand(runtime, "test/support/children/faulted_writer.ts");
  const [call] = inject.split(":");
  const strace = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${inject}`];
  const { stdout, stderr } = spawnSync(
    "strace",
    [...strace, process.execPath, ...args, JSON.stringify(use)],
    { cwd: PROJECT_ROOT, encoding: "utf8", timeout: TIMEOUT_MS },
  );
  const said = MESSAGE.exec(stdout)?.[1];
  assert.ok(said !== undefined, `it said nothing: ${stdout}${stderr}`);
  return JSON.parse(said!) as FaultedReport;
}

const isPossible = canTrace();
if (process.platform !== "linux") test.skip("strace is for Linux", () => {});
else {
  test("strace is there, and may trace", () => {
    assert.ok(
      isPossible,
      "these tests need strace: apt-get install strace, and the right to trace",
    );
  });
}

for (const { durability, inject, failure } of isPossible ? FAULTS : []) {
  test(`${inject}, ${durability}`, async () => {
    const path = temporaryPath();
    const report = runFaulted({ path, durability }, inject);
    const context = JSON.stringify(report);
    assert.is(report.code, "DINOMO_DURABILITY", context);
    assert.is(report.failure, failure, context);
    assert.is(report.acknowledgedLater, 0, context);
    assert.is(report.readable, report.acknowledged, `reads go on: ${context}`);
    assert.is(report.closeCode, "DINOMO_DURABILITY", context);
    await using store = await open<number>({ path });
    for (let i = 0; i < report.acknowledged; i++) {
      assert.is(store.getSync(`key ${i}`), i, `key ${i}, ${context}`);
    }
  });
}

test.run();
