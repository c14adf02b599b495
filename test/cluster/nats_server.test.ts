/**
 * The server for the tests of clusters is found, or one line says what is missing and how to get
 * it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsServer, NoNatsServerError } from "../../scripts/nats_server.ts";
import { Child } from "../support/child.ts";
import type { TestServer } from "../support/cluster/nats_servers.ts";

const NAME = "DINOMO_NATS_SERVER";

test("a server is found, or brought, and it is new enough", () => {
  const { stdout } = spawnSync(natsServer(), ["--version"], { encoding: "utf8" });
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout)!;
  assert.ok(Number(major) > 2 || Number(minor) >= 12, stdout);
});

test("a program that is none is refused in one line", () => {
  const before = process.env[NAME];
  process.env[NAME] = process.execPath;
  try {
    assert.throws(natsServer, (error: Error) => {
      assert.ok(error instanceof NoNatsServerError);
      assert.match(error.message, /no nats-server 2\.12 or newer/);
      return !error.message.includes("\n");
    });
  } finally {
    if (before === undefined) delete process.env[NAME];
    else process.env[NAME] = before;
  }
});

test("servers end with the process that has started them, however that ends", async () => {
  const owner = new Child("nats_owner", {});
  const servers = await owner.message(0) as Pick<TestServer, "pid" | "folder">[];
  const pids = servers.map(({ pid }) => pid);
  assert.is(pids.filter(isRunning).length, 2);
  owner.kill();
  await owner.ended();
  for (let i = 0; i < 250 && pids.some(isRunning); i++) await setTimeout(20);
  const left = pids.filter(isRunning);
  for (const pid of left) process.kill(pid, "SIGKILL");
  for (const { folder } of servers) rmSync(dirname(folder), { recursive: true, force: true });
  assert.equal(left, []);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.run();
