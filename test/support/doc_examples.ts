/**
 * Runs what `npm run docs:test` runs, for some of the files: two test files have a part of the
 * examples each, as all of them take longer than any other test.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import * as assert from "uvu/assert";
import { findRuntime, PROJECT_ROOT } from "../../scripts/runtimes.ts";

/** The examples in these files and folders have the right types, and run. */
export async function assertExamplesRun(places: readonly string[]): Promise<void> {
  const args = ["run", "--allow-all", "scripts/doc_examples.ts", ...places];
  const child = spawn(findRuntime("deno"), args, {
    cwd: PROJECT_ROOT,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const collect = (text: string) => output += text;
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  const [exitCode] = await once(child, "close") as [number | null];
  assert.is(exitCode, 0, output);
  assert.match(output, /^ok \| [1-9]\d* passed \| 0 failed/m);
}
