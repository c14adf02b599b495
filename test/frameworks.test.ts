/**
 * The servers of examples/frameworks/ answer requests from several threads, which count together,
 * and end when they are told to.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, type Runtime, runtimeCommand } from "../scripts/runtimes.ts";
import { currentRuntime } from "./support/program.ts";

/** The programs, and the runtime that each of them is for. */
const PROGRAMS: readonly (readonly [file: string, runtime: Runtime])[] = [
  ["bun_serve.ts", "bun"],
  ["deno_serve.ts", "deno"],
  ["fastify.ts", currentRuntime()],
  ["hono.ts", currentRuntime()],
];
const THREADS = 2;
const REQUESTS_MIN = 20;
const REQUESTS_MAX = 500;
const START_MS_MAX = 30_000;

interface Answer {
  readonly visits: number;
  readonly thread: number;
}

/** Finds a port that is free, as is the one after it; not one that systems give to connections. */
async function findFreePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const servers = [port, port + 1].map((each) => createServer().listen(each));
    const listening = servers.map((server) => once(server, "listening"));
    const ends = await Promise.allSettled(listening);
    for (const server of servers) server.close();
    if (ends.every(({ status }) => status === "fulfilled")) return port;
  }
}

/** Asks by a connection of its own, which the operating system may give to another thread. */
async function ask(port: number): Promise<Answer> {
  const headers = { connection: "close" };
  const response = await fetch(`http://localhost:${port}/visits/home`, { headers });
  assert.is(response.status, 200);
  return await response.json() as Answer;
}

/** Waits until something listens, or the program has ended. */
async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      await fetch(`http://localhost:${port}/visits/nothing`);
      return;
    } catch (error) {
      if (performance.now() > endMs || child.exitCode !== null) throw error;
      await delay(20);
    }
  }
}

for (const [file, runtime] of PROGRAMS) {
  test(`${file}, on ${runtime}`, async () => {
    const port = await findFreePorts();
    const ports = file === "bun_serve.ts" ? [port] : [port, port + 1];
    const { program, args } = runtimeCommand(runtime, `examples/frameworks/${file}`);
    const env = { ...process.env, PORT: String(port) };
    const child = spawn(program, args, { cwd: PROJECT_ROOT, env, stdio: "pipe" });
    const ended = once(child, "exit");
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
    child.stdout.resume();
    try {
      await Promise.all(ports.map((each) => waitForPort(each, child)));
      const threads = new Set<number>();
      for (let i = 0; i < REQUESTS_MIN || threads.size < THREADS; i++) {
        const { visits, thread } = await ask(ports[i % ports.length]!);
        assert.is(visits, i + 1, "the threads count together");
        threads.add(thread);
        assert.ok(i < REQUESTS_MAX, "one thread has answered all requests");
      }
    } catch (error) {
      throw new Error(`${String(error)}\n${errors}`, { cause: error });
    } finally {
      // Deno says that a child whose own `kill` was called has died of it, however it has ended.
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (!hasEnded) process.kill(child.pid!, "SIGTERM");
      // Of a program that does not end the assertion below says so.
      const timer = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
      await ended;
      clearTimeout(timer);
    }
    if (process.platform !== "win32") assert.equal(await ended, [0, null], errors);
    // Deno says there where it listens.
    assert.is(errors.replace(/^Listening on .*\n/gm, ""), "");
  });
}

test("each program is tried", () => {
  const files = readdirSync(join(PROJECT_ROOT, "examples/frameworks"));
  assert.equal(files.sort(), PROGRAMS.map(([file]) => file).sort());
});

test.run();
