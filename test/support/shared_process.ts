/**
 * Program that runs the test files which are its arguments, one after another: to start a runtime
 * and to load the library takes longer than most of them. Each has its own summary, behind the mark
 * of its beginning.
 *
 * @module
 */
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { BEGIN_MARK } from "./test_output.ts";

/** Where uvu keeps what is to run; with `UVU_DEFER` that waits to be executed. */
const state = globalThis as unknown as { UVU_DEFER: number; UVU_QUEUE: unknown[][] };
state.UVU_DEFER = 1;
const { exec } = await import("uvu");

for (const file of process.argv.slice(2)) {
  process.stdout.write(BEGIN_MARK);
  // One group of tests, which has no name.
  state.UVU_QUEUE.splice(0, Infinity, [null]);
  await import(pathToFileURL(resolve(file)).href);
  await exec();
  // Its summary says how it went. The code is left to what happens to the process.
  process.exitCode = 0;
}
