/**
 * What tools do that run a program again when it has changed: `bun --hot`, `deno run --watch`,
 * `node --watch`. Each runtime runs its own. The store goes on, and no threads stay behind.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { open } from "../../mod.ts";
import { Reloaded } from "../support/reloaded.ts";
import { temporaryPath } from "../support/temporary.ts";

const TOOLS = {
  bun: ["--hot"],
  deno: ["run", "--allow-all", `--config=${join(PROJECT_ROOT, "deno.json")}`, "--watch"],
  node: ["--watch"],
};
const RELOADS = 2;
const LIBRARY = pathToFileURL(
  join(PROJECT_ROOT, THIS_RUNTIME === "node" ? "dist/mod.js" : "mod.ts"),
);

/** What the program says each time that it is run. */
interface Said {
  readonly pid: number;
  readonly count: number;
  /** Threads of its process; 0 where that is not told. */
  readonly threads: number;
}

function programOf(path: string): string {
  return `
import { open } from ${JSON.stringify(LIBRARY.href)};
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";

const options = { path: ${JSON.stringify(path)}, capacity: "1MiB", nodes: 3, help: false };
const store = await open({ ...options, reuse: true });
const count = await store.increment("count");
await store.snapshot();
const tasks = "/proc/self/task";
const threads = existsSync(tasks) ? readdirSync(tasks).length : 0;
console.log("@said " + JSON.stringify({ pid: process.pid, count, threads }));
setInterval(() => {}, 1000);
`;
}

test(`the store goes on in a program that is loaded again by ${THIS_RUNTIME}`, async () => {
  const path = temporaryPath();
  const program = new Reloaded(TOOLS[THIS_RUNTIME], programOf(path));
  const said: Said[] = [await program.next() as Said];
  for (let i = 0; i < RELOADS; i++) {
    program.change();
    said.push(await program.next() as Said);
  }
  await program.end();
  const counts = said.map(({ count }) => count);
  // One that is ended before it has said anything may have counted.
  const isAscending = counts.every((count, i) => i === 0 ? count === 1 : count > counts[i - 1]!);
  assert.ok(isAscending, `each run adds to what the one before has left: ${counts}`);
  const pids = new Set(said.map(({ pid }) => pid)).size;
  assert.is(pids, THIS_RUNTIME === "node" ? 1 + RELOADS : 1, "processes");
  // Of three KNs and a DPM processor each, if they stayed; runtimes have some threads of their own.
  const added = said.at(-1)!.threads - said[0]!.threads;
  assert.ok(added < 3 * RELOADS - 2, `${added} threads more than at first`);
  await using store = await open<number>({ path });
  assert.ok((await store.get("count"))! >= counts.at(-1)!, "nothing is lost by the end");
});

test.run();
