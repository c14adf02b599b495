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
import { runProgram } from "./support/program.ts";

const OUTPUT: Readonly<Record<string, readonly string[]>> = {
  "basics.ts": [
    "ada: 1",
    "compareAndSet: true false",
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
};

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

test.run();
