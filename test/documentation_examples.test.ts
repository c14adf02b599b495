/**
 * The examples in the documentation and in the docstrings have the right types, and run.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findRuntime, PROJECT_ROOT } from "../scripts/runtimes.ts";

test("every example passes its check, and runs", async () => {
  const args = ["run", "--allow-all", "scripts/doc_examples.ts"];
  const child = spawn(findRuntime("deno"), args, {
    cwd: PROJECT_ROOT,
    // What Deno says of an example that fails is shown as what this file says.
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  const [exitCode] = await once(child, "close") as [number | null];
  assert.is(exitCode, 0, output);
  assert.match(output, /^ok \| \d+ passed \| 0 failed/m);
});

test.run();
