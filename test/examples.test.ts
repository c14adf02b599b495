/**
 * Every example runs, and prints what its reader expects.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";
import { currentRuntime, runProgram } from "./support/program.ts";

const OUTPUT: Readonly<Record<string, readonly string[]>> = {
  "basics.ts": [
    "ada: 1",
    "compareAndSet: true undefined",
    "session: undefined",
    "users: Ada, Edsger, Grace",
    "after reopening: 9 undefined",
  ],
  "rate_limiter.ts": [
    "10.0.0.1 admitted: 10 of 12",
    "10.0.0.2 admitted: 10 of 12",
    "a minute later: true",
    "counters: 3 of which expire: 3",
  ],
  "elastic.ts": [
    "1 -> 2: 50 % of the slots, 0 bytes moved",
    "2 -> 3: 32 % of the slots, 0 bytes moved",
    "3 -> 1: 67 % of the slots, 0 bytes moved",
    "lost writes: 0",
  ],
  "autoscale.ts": [
    "add-node: 1 -> 2",
    "remove-node: 2 -> 1",
    "keys: 100, requests in the last window: 0",
  ],
  "queue.ts": [
    "jobs: 4",
    "sent: ada, edsger, grace",
    "given up: nobody after 2 attempts: Error: no such mailbox",
  ],
  "deno_kv.ts": [
    "true",
    "true",
    "false",
    "users 9 Grace",
    "users 10 Ada",
    "grace is 9, of 2 users",
  ],
  "leaderboard.ts": [
    "player 19999 19999, player 19998 19998, player 19997 19997",
    "player 7 80007, player 5 50005, player 19999 19999",
    "with 100 to 102 points: 3",
  ],
  "locks.ts": [
    ...Array.from({ length: 3 }, () => ["printed: page 1 of 2", "printed: page 2 of 2"]).flat(),
    "printed: the page of the next holder",
    "refused: the page of one whose lease has ended",
    "false true true",
  ],
  "threads.ts": [
    "be 2, is 1, lines 2, not 1, or 1, question 1, that 1, the 1, to 2",
  ],
};

/** What the server prints, on every runtime; the order of what its threads do is not fixed. */
const SERVER_OUTPUT: readonly RegExp[] = [
  /^3 threads, limit 200 requests per minute$/,
  /^thread [0-2] made a session, threads 0, 1, 2 have served it$/,
  /^thread 1 has failed: a bug$/,
  /^client \d+ is gone, and its place is free$/,
  /^after its crash: 10 of 10 requests find the session$/,
  /^after the logout: 10 of 10 requests are refused$/,
  /^0 +\d+ +\d+$/,
  /^1 +\d+ +\d+$/,
  /^2 +\d+ +\d+$/,
  /^all +200 +100$/,
];

test("the examples are the files of examples/", () => {
  const files = readdirSync(join(PROJECT_ROOT, "examples")).filter((name) => name.endsWith(".ts"));
  assert.equal(files.sort(), Object.keys(OUTPUT).sort());
});

for (const [file, lines] of Object.entries(OUTPUT)) {
  test(file, async () => {
    const end = await runProgram(`examples/${file}`);
    assert.is(end.stderr, "");
    assert.equal(end.stdout.split("\n").slice(0, -1), lines);
    assert.is(end.exitCode, 0);
  });
}

test("server/", async () => {
  const runtime = currentRuntime();
  const end = await runProgram(`examples/server/${runtime}.ts`);
  const lines = end.stdout.split("\n");
  for (const line of SERVER_OUTPUT) {
    assert.is(lines.filter((other) => line.test(other)).length, 1, `${line} in ${end.stdout}`);
  }
  // Deno reports what a thread throws by itself.
  if (runtime === "deno") assert.match(end.stderr, "Error: a bug");
  else assert.is(end.stderr, "");
  assert.is(end.exitCode, 0);
});

test("server/ refuses a command line that makes no sense", async () => {
  const end = await runProgram(`examples/server/${currentRuntime()}.ts`, ["--threads", "0"]);
  assert.match(end.stderr, "options: --port <number>");
  assert.is(end.stdout, "");
  assert.is(end.exitCode, 2);
});

test.run();
