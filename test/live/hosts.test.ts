/**
 * `dinomo` on a pool that a process has open, on any runtime: it is looked at, written to if that
 * is allowed, watched; and when that process is killed, nothing of it is in the way.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { TopFigures } from "../../lib/cli/top_figures.ts";
import { LiveClient } from "../../lib/live/live_client.ts";
import type { StoreStats } from "../../mod.ts";
import {
  findRuntime,
  PROJECT_ROOT,
  type Runtime,
  runtimeCommand,
  RUNTIMES,
} from "../../scripts/runtimes.ts";
import { SHARE_COUNT } from "../support/campaign.ts";
import { Child } from "../support/child.ts";
import type { InspectedHost } from "../support/children/inspected_host.ts";
import { dinomoHere } from "../support/command.ts";
import { SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const ADA = '{"name":"Ada","born":{"$date":-4842288000000}}';

/**
 * Whose pools are looked at: of one runtime in a run, which the seed decides, and of all in a
 * campaign.
 */
function hostRuntimes(turn: number): readonly Runtime[] {
  return SHARE_COUNT === 1 ? RUNTIMES : [RUNTIMES[(SEED + turn) % RUNTIMES.length]!];
}

/** Starts a host on a runtime, and waits until it has filled its store. */
async function startHost(host: InspectedHost, runtime: Runtime): Promise<Child> {
  const child = new Child("inspected_host", host, runtime, undefined, true);
  const message = await child.message(0);
  if (message !== "ready") assert.unreachable(`the host ended: ${(await child.ended()).output}`);
  return child;
}

/** Runs the command in a process of Node; what it prints comes line by line. */
function dinomoOnNode(args: readonly string[]) {
  const command = runtimeCommand("node", "bin/dinomo.ts");
  const child = spawn(findRuntime("node"), [...command.args, ...args], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "close").then(([exitCode]) => exitCode as number);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { ended, next: async () => (await lines.next()).value as string | undefined };
}

for (const runtime of hostRuntimes(0)) {
  test(`a pool that ${runtime} has open`, async () => {
    const path = temporaryPath();
    const host = await startHost({ path, inspect: { write: true } }, runtime);
    const socket = join(path, "socket");
    assert.is(statSync(socket).mode & 0o777, 0o600);

    // What is read.
    const says = async (args: string[], exitCode = 0) => {
      const end = await dinomoHere(args);
      assert.is(end.exitCode, exitCode, args.join(" ") + end.stderr);
      return end.stdout;
    };
    assert.is(await says(["get", path, "user:1"]), `${ADA}\n`);
    assert.is(await says(["get", path, "0xff"]), '{"$bigint":"1"}\n');
    assert.is(await says(["get", path, "user:3"], 1), "");
    assert.equal((await says(["keys", path, "user:"])).trim().split("\n").sort(), [
      "user:1",
      "user:2",
    ]);
    assert.is((await says(["keys", path, "--limit", "1"])).split("\n").length, 2);
    assert.match(await says(["info", path]), /^keys +3$/m);
    assert.match(await says(["verify", path, "--values"]), / no damage: 3 keys/);

    // What changes, in a process of Node.
    const watch = dinomoOnNode(["watch", path, "count", "--count", "2"]);
    assert.is(await watch.next(), '{"key":"count","gone":true}');
    host.tell("count");
    assert.match(await watch.next() ?? "", /^{"key":"count","value":1,"version":\d+}$/);
    assert.is(await watch.ended, 0);
    const changes = dinomoOnNode(["watch", path, "--prefix", "put", "--count", "2"]);
    assert.is(await changes.next(), '{"kind":"resync"}');
    assert.match(await says(["put", path, "put by hand", "[1]"]), /^\d+\n$/);
    assert.match(await changes.next() ?? "", /^{"kind":"put","key":"put by hand","version":\d+}$/);
    assert.is(await changes.ended, 0);
    assert.is(await says(["get", path, "put by hand"]), "[1]\n");
    const figures: TopFigures = JSON.parse(await says(["top", path, "--once", "--json"]));
    assert.is(figures.keys, 5);
    assert.equal(figures.nodes.map(({ slots }) => slots), [4096]);
    assert.is(figures.durability, "os");

    // A watch ends with its host, and what that leaves is in nobody's way.
    const left = dinomoOnNode(["watch", path, "count"]);
    assert.match(await left.next() ?? "", /"value":1/);
    host.kill();
    await host.ended();
    assert.is(await left.ended, 3);
    assert.ok(existsSync(socket), "a process that is killed leaves its socket");
    const gone = await dinomoHere(["top", path]);
    assert.is(gone.exitCode, 3);
    assert.match(gone.stderr, /must be a pool that a process has open with the option inspect/);
    assert.is(await says(["get", path, "user:1"]), `${ADA}\n`, "from the files");
    assert.is((await says(["keys", path, "user:"])).split("\n").length, 3);

    // The next host has the place, may not be written to, and leaves nothing.
    const next = await startHost({ path, inspect: true }, runtime);
    assert.is(await says(["get", path, "put by hand"]), "[1]\n");
    const refused = await dinomoHere(["put", path, "a", "1"]);
    assert.is(refused.exitCode, 2);
    assert.match(refused.stderr, /put must be allowed by the process .* inspect: { write: true }/);
    const last = dinomoOnNode(["watch", path, "count"]);
    assert.match(await last.next() ?? "", /"value":1/);
    next.tellNoMore();
    const end = await next.ended();
    assert.equal([end.exitCode, end.messages], [0, ["ready", "closed"]], end.output);
    assert.not(existsSync(socket), "a store that is closed leaves nothing");
    assert.is(await last.ended, 0, "which has been told");
  });
}

for (const runtime of hostRuntimes(1)) {
  test(`a pool that ${runtime} shares with other processes, whose thread is blocked`, async () => {
    const path = temporaryPath();
    const host = await startHost({ path, processes: true }, runtime);
    host.tell("block");
    assert.is(await host.message(1), "blocked");
    const says = async (...args: string[]) => {
      const end = await dinomoHere(args);
      assert.is(end.exitCode, 0, args.join(" ") + end.stderr);
      return end.stdout;
    };
    assert.is(await says("get", path, "user:1"), `${ADA}\n`);
    assert.is(await says("get", path, "0xff"), '{"$bigint":"1"}\n');
    assert.equal((await says("keys", path, "user:")).trim().split("\n").sort(), [
      "user:1",
      "user:2",
    ]);
    const watch = dinomoOnNode(["watch", path, "go on", "--count", "2"]);
    assert.is(await watch.next(), '{"key":"go on","gone":true}');
    const client = (await LiveClient.connect(path))!;
    const stats = await client.askOnce({ op: "stats" }) as StoreStats;
    assert.equal([stats.count, stats.nodesFailed], [3, undefined], "what all threads can see");
    client.close();
    assert.is(host.messages.length, 2, "it is blocked still");
    const version = (await says("put", path, "go on", "1")).trim();
    assert.is(await watch.next(), `{"key":"go on","value":1,"version":${version}}`);
    assert.is(await watch.ended, 0);
    assert.is(await host.message(2), "goes on");
    host.tellNoMore();
    const end = await host.ended();
    assert.equal([end.exitCode, end.messages[3]], [0, "closed"], end.output);
  });
}

for (const runtime of RUNTIMES) {
  test(`the socket does not keep a process of ${runtime} alive`, async () => {
    const host = { path: temporaryPath(), inspect: true, isIdle: true };
    const end = await new Child("inspected_host", host, runtime).ended();
    assert.equal([end.exitCode, end.messages], [0, ["ready"]], end.output);
  });
}

test("top prints a line each second where no terminal is", async () => {
  const path = temporaryPath();
  const host = await startHost({ path, inspect: true }, "node");
  const top = dinomoOnNode(["top", path]);
  const says = /^\S+Z keys=3 live=\d+% reads\/s=0 writes\/s=0 hits=- .* nodes=1 .* durability=os$/;
  for (let i = 0; i < 2; i++) assert.match(await top.next() ?? "", says);
  host.tellNoMore();
  await host.ended();
  assert.is(await top.ended, 0);
});

test.run();
