/**
 * A rate limiter: at most ten requests of each client per minute. Counters are incremented
 * atomically, and expire.
 *
 * ```sh
 * bun examples/rate_limiter.ts
 * deno run -A examples/rate_limiter.ts
 * npm run build && node dist/examples/rate_limiter.js
 * ```
 *
 * @module
 */
import { open } from "dinomo";

const LIMIT = 10;
const WINDOW_MS = 60_000;

await using store = await open<number>({ capacity: "64MiB" });

/** Counts a request; returns whether the client may make it. */
async function admit(client: string, nowMs: number): Promise<boolean> {
  const key = `requests:${client}:${Math.floor(nowMs / WINDOW_MS)}`;
  // The first request of a window makes its counter, which is gone some time after the window.
  const { value } = await store.incrementEntry(key, 1, { ttlIfNew: 2 * WINDOW_MS });
  return value <= LIMIT;
}

const nowMs = Date.now();
for (const client of ["10.0.0.1", "10.0.0.2"]) {
  // Twelve requests at once: each of them sees a count of its own.
  const admitted = await Promise.all(Array.from({ length: 12 }, () => admit(client, nowMs)));
  console.log(client, "admitted:", admitted.filter(Boolean).length, "of", admitted.length);
}
console.log("a minute later:", await admit("10.0.0.1", nowMs + WINDOW_MS));

let expiring = 0;
for await (const key of store.keys({ prefix: "requests:" })) {
  if ((await store.getEntry(key))?.expiresAt !== undefined) expiring += 1;
}
console.log("counters:", store.count, "of which expire:", expiring);
