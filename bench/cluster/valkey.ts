/**
 * Valkey, or Redis where that is not there: one server, which a cluster is compared with.
 *
 * It is reached by TCP, as servers of NATS are, and by ioredis, which sends what is issued in one
 * turn together. There is one contestant for each way in which it keeps what it has acknowledged; a
 * program that is not there takes no part.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { temporaryPath } from "../../test/support/temporary.ts";
import { redisServerVersion, startRedisServer } from "../peers/redis_server.ts";
import type { Contestant } from "./contestant.ts";

/** Programs that would do, the first one first. */
const PROGRAMS = [["valkey-server", "Valkey"], ["redis-server", "Redis"]] as const;
/** When the file to which changes are appended is synced. */
const SYNCS = ["everysec", "always"] as const;

/** Starts those that there are. */
export async function startValkeys(): Promise<Contestant[]> {
  for (const [program, title] of PROGRAMS) {
    const version = await redisServerVersion(program).catch(() => undefined);
    if (version === undefined) continue;
    const found: Contestant[] = [];
    for (const sync of SYNCS) {
      found.push(await start(program, `${title} ${version}, ${sync}`, sync));
    }
    return found;
  }
  return [];
}

async function start(program: string, name: string, sync: string): Promise<Contestant> {
  const { Redis } = await import("ioredis");
  const folder = temporaryPath("valkey");
  mkdirSync(folder, { recursive: true });
  const options = { appendonly: "yes", appendfsync: sync };
  const server = await startRedisServer(folder, options, program);
  const { host, port } = server;
  const redis = new Redis({ host, port, enableAutoPipelining: true });
  return {
    name,
    get: (key) => redis.get(key),
    put: (key, value) => redis.set(key, value),
    close: async () => {
      await redis.quit();
      await server.stop();
    },
  };
}
