/**
 * Counters that are incremented by many at once: what is measured, for Dinomo and for Redis.
 *
 * @module
 */
import type { Redis } from "ioredis";
import type { Store, StoreHandle } from "../../mod.ts";

/** Adds one to a counter. */
export type Increment = (key: string) => Promise<unknown>;

/** Where a thread finds the counters. */
export type Place =
  | { kind: "dinomo"; handle: StoreHandle }
  | { kind: "redis"; host: string; port: number };

/** Counters that a thread has opened. */
export interface Counters {
  increment: Increment;
  close(): Promise<void>;
}

/** Opens the counters of a place in this thread. */
export async function openCounters(place: Place): Promise<Counters> {
  if (place.kind === "dinomo") {
    const { attach } = await import("../../mod.ts");
    return ofStore(await attach<number>(place.handle));
  }
  const { Redis } = await import("ioredis");
  const { host, port } = place;
  return ofRedis(new Redis({ host, port, enableAutoPipelining: true }));
}

export function ofStore(store: Store<number>): Counters {
  return { increment: (key) => store.increment(key), close: () => store.close() };
}

export function ofRedis(redis: Redis): Counters {
  return { increment: (key) => redis.incr(key), close: async () => void await redis.quit() };
}

/**
 * Increments for a while, with so many under way at a time; resolves to how many in a second.
 *
 * @param keyOf the key of each lane
 */
export async function countFor(
  increment: Increment,
  ms: number,
  lanes: number,
  keyOf: (lane: number) => string,
): Promise<number> {
  const begin = performance.now();
  let count = 0;
  // All lanes are awaited together: a handler that increments a counter for each of its requests.
  while (performance.now() - begin < ms) {
    const ends: Promise<unknown>[] = [];
    for (let lane = 0; lane < lanes; lane++) ends.push(increment(keyOf(lane)));
    await Promise.all(ends);
    count += lanes;
  }
  return count / (performance.now() - begin) * 1000;
}
