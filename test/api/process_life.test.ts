/**
 * What an open store means for its process: idle it keeps it neither alive nor busy, with
 * operations pending it does.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, runChild } from "../support/child.ts";
import type { LifecycleMode } from "../support/children/lifecycle.ts";

const MODES: readonly LifecycleMode[] = ["idle", "pending", "pendingLarge", "scaled", "cpu"];

/** The children run at the same time, as most of them wait most of the time. */
const runs = new Map(MODES.map((mode) => [mode, runChild("lifecycle", { mode })]));
for (const run of runs.values()) run.catch(() => {});

function run(mode: LifecycleMode): Promise<unknown[]> {
  return runs.get(mode)!;
}

test("an idle open store lets the process end", async () => {
  assert.equal(await run("idle"), ["open"]);
});

test("so does one that was scaled", async () => {
  assert.equal(await run("scaled"), ["open"]);
});

test("with keepAlive it does not", async () => {
  const child = new Child("lifecycle", { mode: "keepAlive" });
  assert.is(await child.message(0), "open");
  // Far longer than the same process takes to end without the option.
  const outcome = await Promise.race([
    child.ended().then(() => "ended"),
    setTimeout(1500, "alive"),
  ]);
  child.kill();
  assert.is(outcome, "alive");
  assert.is((await child.ended()).signal, "SIGKILL");
});

test("pending operations keep the process alive until they have ended, and no longer", async () => {
  assert.equal(await run("pending"), ["open", 1999]);
});

test("so do large values, and operations that are issued when others end", async () => {
  assert.equal(await run("pendingLarge"), ["open", 2 ** 20, 2]);
});

test("an idle open store uses no processor", async () => {
  const [, seconds] = await run("cpu");
  assert.type(seconds, "number");
  assert.ok((seconds as number) < 0.2, `${seconds} s of processor time in 1 s`);
});

test.run();
