/**
 * The server for the tests of clusters is found, or one line says what is missing and how to get it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsServer, NoNatsServerError } from "../../scripts/nats_server.ts";

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

test.run();
