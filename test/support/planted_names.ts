/**
 * Prints the names of the tests of files, by file, as JSON, without running any: a program in a
 * planted copy, see planted_copy.ts, whose uvu keeps the names of what a file has registered.
 *
 * The files are its arguments, as they are named in lists of planted bugs.
 *
 * @module
 */
import process from "node:process";

/** What uvu defers for its command, as a copy's uvu does it. */
interface Deferring {
  UVU_DEFER: boolean;
  UVU_INDEX: number;
  UVU_QUEUE: { readonly names?: readonly string[] }[][];
}

const uvu = globalThis as unknown as Deferring;
uvu.UVU_DEFER = true;
uvu.UVU_QUEUE = [];
const suffix = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const named: Record<string, readonly string[]> = {};
for (const [i, file] of process.argv.slice(2).entries()) {
  const registered: Deferring["UVU_QUEUE"][number] = [];
  uvu.UVU_QUEUE.push(registered);
  uvu.UVU_INDEX = i;
  await import(new URL(`../../${file.replace(/\.ts$/, suffix)}`, import.meta.url).href);
  named[file] = registered.flatMap(({ names }) => names!);
}
// What tests would have ended may have begun with their file.
process.stdout.write(JSON.stringify(named), () => process.exit(0));
