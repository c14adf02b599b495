/**
 * Starts a Redis server of its own for a benchmark: on a free loopback port, without persistence.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { freePorts } from "../../test/support/free_ports.ts";

const HOST = "127.0.0.1";
const PROGRAM = "redis-server";
const START_MS_MAX = 10_000;
const START_POLL_MS = 20;

export interface RedisServer {
  host: string;
  port: number;
  stop(): Promise<void>;
}

/** Rejects if there is no Redis, or what else is named, on the PATH. */
export async function redisServerVersion(program: string = PROGRAM): Promise<string> {
  let output: string;
  try {
    output = (await promisify(execFile)(program, ["--version"])).stdout;
  } catch (error) {
    throw new Error(`no ${program} on the PATH`, { cause: error });
  }
  return /v=(\S+)/.exec(output)?.[1] ?? "unknown version";
}

/**
 * @param extra more of its options
 * @param program a server that takes the same ones
 */
export async function startRedisServer(
  workDir: string,
  extra: Readonly<Record<string, string>> = {},
  program: string = PROGRAM,
): Promise<RedisServer> {
  const port = (await freePorts(1))[0]!;
  const options = { port, bind: HOST, dir: workDir, save: "", appendonly: "no", ...extra };
  const child = spawn(
    program,
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: "ignore" },
  );
  const endWithUs = () => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  await waitUntilListening(child, port, program);
  return {
    host: HOST,
    port,
    stop: async () => {
      process.off("exit", endWithUs);
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

async function waitUntilListening(
  child: ChildProcess,
  port: number,
  program: string,
): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    if (await canConnect(port)) return;
    await delay(START_POLL_MS);
  }
  child.kill();
  throw new Error(`${program} does not answer on port ${port} after ${START_MS_MAX} ms`);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    const answer = (connected: boolean) => {
      socket.destroy();
      resolve(connected);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
