/**
 * The demo of a cluster, with few cities: it succeeds, and says what it is meant to show.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "./support/program.ts";

const DEMO = "scripts/cluster_demo.ts";

test("owners and a server are killed, and every city is what it must be", async () => {
  const { stdout, stderr, exitCode } = await runProgram(DEMO, ["--cities", "600", "--stage", "50"]);
  assert.is(stderr, "");
  assert.is(exitCode, 0);
  assert.match(stdout, /^3 servers of NATS: (?:nats:\S+(?:, )?){3}$/m);
  assert.match(stdout, /^loading +25% 50% 75% 100% {2}600 cities in \d+\.\d\d s$/m);
  for (const runtime of ["bun", "deno", "node"]) {
    assert.match(stdout, new RegExp(`^  node \\d  ${runtime} +\\d+  127[.0-9:]+ +\\d+  #+$`, "m"));
  }
  const rows = ["three nodes", "an owner is killed", "another process joins"];
  for (const row of [...rows, "an engine server is killed"]) {
    assert.match(stdout, new RegExp(`^${row} +[1-9][\\d,]*( +[\\d,.]+){4}$`, "m"));
  }
  const acknowledged = stdout.match(/^ {2}changes are acknowledged after \d+ ms$/gm);
  assert.is(acknowledged?.length, 2);
  assert.match(
    stdout,
    /^every field of every city is as [\d,]+ updates have left it; .* 0 mismatches/m,
  );
});

test("options that mean nothing are refused", async () => {
  const { stderr, exitCode } = await runProgram(DEMO, ["--cities", "x"]);
  assert.is(exitCode, 1);
  assert.match(stderr, '--cities must be a whole number, got "x"');
});

test.run();
