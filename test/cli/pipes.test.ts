/**
 * A reader that goes away, such as `head`, ends a command without a word.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, runtimeCommand } from "../../scripts/runtimes.ts";
import { currentRuntime } from "../support/child.ts";
import { closedPool } from "../support/cli_pools.ts";
import { dinomo } from "../support/command.ts";

/** Runs a command, and stops reading: at once, or after the first bytes. */
async function runUnread(args: readonly string[], isRead: boolean) {
  const command = runtimeCommand(currentRuntime(), "bin/dinomo.ts");
  const child = spawn(process.execPath, [...command.args, ...args], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  if (isRead) child.stdout.once("data", () => child.stdout.destroy());
  else child.stdout.destroy();
  const [exitCode, signal] = await once(child, "exit");
  return { exitCode, signal, stderr };
}

test("a broken pipe ends quietly", async () => {
  const path = await closedPool<unknown>({ capacity: "16MiB" }, async (store) => {
    const value = "x".repeat(1000);
    await store.putMany(Array.from({ length: 4000 }, (_, i): [string, string] => [`${i}`, value]));
  });
  const quiet = { exitCode: 0, signal: null, stderr: "" };
  assert.equal(await runUnread(["dump", path], true), quiet);
  for (const args of [["dump", path], ["info", path], ["verify", path], ["--help"]]) {
    assert.equal(await runUnread(args, false), quiet, args[0]);
  }
  const whole = await dinomo(["dump", path]);
  assert.is(whole.stdout.split("\n").length, 4001);
});

test.run();
