/**
 * Redis on the loopback interface through ioredis: what applications use today to share values
 * between threads. Values are msgpack, batches MSET and MGET; commands of one tick are pipelined by
 * ioredis.
 *
 * @module
 */
import { Packr } from "msgpackr";
import { packageVersion } from "./package_version.ts";
import type { PeerAdapter, PeerStore } from "./peer.ts";
import { type RedisServer, redisServerVersion, startRedisServer } from "./redis_server.ts";

type RedisConstructor = typeof import("ioredis").Redis;

export const redisAdapter: PeerAdapter = {
  id: "redis",
  load: async () => {
    const serverVersion = await redisServerVersion();
    const { Redis } = await import("ioredis");
    return {
      name: "Redis (ioredis)",
      version: `${serverVersion} (ioredis ${packageVersion("ioredis")})`,
      supports: { sync: false, async: true, batch: true },
      open: async (workDir) => openRedis(Redis, await startRedisServer(workDir)),
    };
  },
};

async function openRedis(Redis: RedisConstructor, server: RedisServer): Promise<PeerStore> {
  const redis = new Redis({
    host: server.host,
    port: server.port,
    enableAutoPipelining: true,
  });
  await redis.ping();
  const packr = new Packr({ useRecords: false });
  const decode = (bytes: Uint8Array | null) => bytes === null ? undefined : packr.unpack(bytes);
  return {
    put: (key, value) => redis.set(key, packr.pack(value)),
    get: async (key) => decode(await redis.getBuffer(key)),
    putMany: (entries) => redis.mset(entries.flatMap(([key, value]) => [key, packr.pack(value)])),
    getMany: async (keys) => (await redis.mgetBuffer(keys)).map(decode),
    close: async () => {
      await redis.quit();
      await server.stop();
    },
  };
}
