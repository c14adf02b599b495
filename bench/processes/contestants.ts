/**
 * Ways by which a process gets at values of another one.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { open } from "../../mod.ts";
import { runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { redisServerVersion } from "../peers/redis_server.ts";
import { BENCH_OPTIONS, type BenchMessage, keyOf, KEYS, SIZES, valueOf } from "./keys.ts";

/** Values of another process, as this one uses them. */
export interface Contestant {
  readonly name: string;
  get(key: string): Promise<unknown>;
  put(key: string, value: Uint8Array): Promise<unknown>;
  getSync?(key: string): unknown;
}

/** The contestants of a run, and those that take no part. */
export interface Field {
  readonly contestants: readonly Contestant[];
  readonly omissions: readonly string[];
  close(): Promise<void>;
}

/** Starts all of them in a folder. */
export async function startField(folder: string): Promise<Field> {
  const host = await startHost(folder);
  const store = await open<Uint8Array>({ ...BENCH_OPTIONS, path: join(folder, "pool") });
  const contestants: Contestant[] = [{
    name: "Dinomo",
    get: (key) => store.get(key),
    put: (key, value) => store.put(key, value),
    getSync: (key) => store.getSync(key),
  }];
  const omissions: string[] = [];
  let closeRedis = () => Promise.resolve();
  try {
    const redis = await startRedis(folder);
    closeRedis = redis.close;
    contestants.push(...redis.contestants);
  } catch (error) {
    omissions.push(`Redis takes no part: ${error instanceof Error ? error.message : error}`);
  }
  contestants.push(byMessages(host));
  return {
    contestants,
    omissions,
    close: async () => {
      await closeRedis();
      await store.close();
      const ended = once(host, "exit");
      host.send("close");
      await ended;
    },
  };
}

async function startHost(folder: string): Promise<ChildProcess> {
  const { program, args } = runtimeCommand(THIS_RUNTIME, "bench/processes/host.ts");
  const host = spawn(program, [...args, join(folder, "pool")], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  process.once("exit", () => host.kill("SIGKILL"));
  await once(host, "message");
  return host;
}

/** Redis as applications use it on one machine: by a UNIX socket, and without persistence. */
async function startRedis(
  folder: string,
): Promise<{ contestants: Contestant[]; close: () => Promise<void> }> {
  await redisServerVersion();
  const { Redis } = await import("ioredis");
  const path = join(folder, "redis");
  const args = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  process.once("exit", () => server.kill("SIGKILL"));
  await delay(300);
  const plain = new Redis({ path });
  const pipelined = new Redis({ path, enableAutoPipelining: true });
  for (const size of SIZES) {
    for (let i = 0; i < KEYS; i++) await plain.set(keyOf(size, i), Buffer.from(valueOf(size)));
  }
  const by = (name: string, redis: typeof plain): Contestant => ({
    name,
    get: (key) => redis.getBuffer(key),
    put: (key, value) => redis.set(key, Buffer.from(value)),
  });
  const contestants = [by("ioredis", plain), by("ioredis, pipelined", pipelined)];
  const { Bun } = globalThis as { Bun?: { RedisClient: new (url: string) => BunRedis } };
  const bun = Bun && new Bun.RedisClient(`redis+unix://${path}`);
  if (bun) {
    contestants.push({
      name: "Bun.RedisClient",
      get: (key) => bun.getBuffer(key),
      put: (key, value) => bun.set(key, value),
    });
  }
  return {
    contestants,
    close: async () => {
      plain.disconnect();
      pipelined.disconnect();
      bun?.close();
      const ended = once(server, "exit");
      server.kill();
      await ended;
    },
  };
}

interface BunRedis {
  getBuffer(key: string): Promise<Uint8Array | null>;
  set(key: string, value: Uint8Array): Promise<unknown>;
  close(): void;
}

/** Messages to the process that has the values, and back. */
function byMessages(host: ChildProcess): Contestant {
  const waiting = new Map<number, (text: string | undefined) => void>();
  let count = 0;
  host.on("message", (message) => {
    const { id, text } = message as BenchMessage;
    waiting.get(id)?.(text);
    waiting.delete(id);
  });
  const ask = (key: string, text?: string) =>
    new Promise((resolve) => {
      waiting.set(++count, resolve);
      host.send({ id: count, key, text });
    });
  return {
    name: "process.send",
    get: (key) => ask(key),
    put: (key, { length }) => ask(key, "x".repeat(length)),
  };
}
