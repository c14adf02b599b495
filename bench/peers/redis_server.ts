/**
 * Starts a Redis server of its own for a benchmark: on a free loopback port, without persistence.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const HOST = "127.0.0.1";
const PROGRAM = "redis-server";
const START_MS_MAX = 10_000;
const START_POLL_MS = 20;

export interface RedisServer {
  host: string;
  port: number;
  stop(): Promise<void>;
}

/** Rejects if there is no Redis on the PATH. */
export async function redisServerVersion(): Promise<string> {
  let output: string;
  try {
    output = (await promisify(execFile)(PROGRAM, ["--version"])).stdout;
  } catch (error) {
    throw new Error(`no ${PROGRAM} on the PATH`, { cause: error });
  }
  return /v=(\S+)/.exec(output)?.[1] ?? "unknown version";
}

/** @param extra more of its options */
export async function startRedisServer(
  workDir: string,
  extra: Readonly<Record<string, string>> = {},
): Promise<RedisServer> {
  const port = await findFreePort();
  const options = { port, bind: HOST, dir: workDir, save: "", appendonly: "no", ...extra };
  const child = spawn(
    PROGRAM,
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: "ignore" },
  );
  const endWithUs = () => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  await waitUntilListening(child, port);
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

async function findFreePort(): Promise<number> {
  const server: Server = createServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no free loopback port");
  return address.port;
}

async function waitUntilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${PROGRAM} ended with ${child.exitCode}`);
    if (await canConnect(port)) return;
    await delay(START_POLL_MS);
  }
  child.kill();
  throw new Error(`${PROGRAM} does not answer on port ${port} after ${START_MS_MAX} ms`);
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
