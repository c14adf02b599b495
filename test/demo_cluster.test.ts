/**
 * The demo of a cluster, with few cities: it succeeds, and says what it is meant to show.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, runtimeCommand } from "../scripts/runtimes.ts";
import { currentRuntime, runProgram } from "./support/program.ts";

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
  assert.match(stdout, /^to see it in a browser: npm run demo:cluster -- --inspect$/m);
});

test("with --inspect it is shown until Ctrl-C", async () => {
  const { args } = runtimeCommand(currentRuntime(), DEMO);
  const options = ["--cities", "100", "--stage", "10", "--inspect"];
  const child = spawn(process.execPath, [...args, ...options], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let url: URL | undefined;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^inspector: open (\S+)$/.exec(line)?.[1];
    if (address !== undefined) url = new URL(address);
    if (line !== "clients read and update until Ctrl-C") continue;
    const headers = { authorization: `Bearer ${url!.hash.slice(1)}` };
    const answer = await fetch(`${url!.origin}/sample`, { headers });
    const { nodes } = await answer.json() as { nodes: { id: number; keys: number }[] };
    assert.equal(nodes.map(({ id }) => id), [1, 2, 3]);
    count = nodes.reduce((sum, { keys }) => sum + keys, 0);
    // Not child.kill: Deno says then that the signal has ended it.
    process.kill(child.pid!, "SIGINT");
  }
  assert.ok(count >= 100, `${count} keys`);
  assert.equal(await ended, [0, null]);
});

test("options that mean nothing are refused", async () => {
  const { stderr, exitCode } = await runProgram(DEMO, ["--cities", "x"]);
  assert.is(exitCode, 1);
  assert.match(stderr, '--cities must be a whole number, got "x"');
});

test.run();
