/**
 * Threads that use one cache while KNs come and go, and snapshots are taken: a read may miss what
 * was evicted, and never gets an older value, half of one, or one that was gone already.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type OpenOptions } from "../../mod.ts";
import type { EvictingLoadData, LoadFigures } from "../support/evicting_load.ts";
import { Random, SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const CLIENT_URL = new URL(`../support/workers/evicting_client.${EXTENSION}`, import.meta.url);
const THREAD_COUNT = 3;
const KEY_COUNT = 600;
/** How long a round lasts: until enough has been lost, on a machine that does other things, too. */
const ROUND_MS_MIN = 1000;
const ROUND_MS_MAX = 30_000;
const LOSSES_MIN = 50;

const SIZES = {
  whenFull: "evict",
  codec: "binary",
  capacity: "256KiB",
  segmentBytes: "4KiB",
} as const;

/** Lets threads work on a cache for a while; returns what they have done. */
async function load(
  options: OpenOptions,
  seed: number,
): Promise<LoadFigures & { evicted: number }> {
  const random = new Random(seed);
  const store = await open<Uint8Array>(
    { ...SIZES, ...options } as OpenOptions<Uint8Array> & { codec: "binary" },
  );
  const shared = {
    handle: store.share(),
    seed,
    threadCount: THREAD_COUNT,
    keyCount: KEY_COUNT,
    valueBytesMax: 1500,
    numbers: new SharedArrayBuffer(2 * KEY_COUNT * 4),
    progress: new SharedArrayBuffer(8),
  };
  const threads = Array.from({ length: THREAD_COUNT }, (_, thread) => {
    const workerData: EvictingLoadData = { ...shared, thread };
    return new Worker(CLIENT_URL, { workerData });
  });
  const ends = threads.map((thread) =>
    Promise.all([once(thread, "message"), once(thread, "exit")])
  );
  const progress = new Int32Array(shared.progress);
  const startMs = performance.now();
  for (let ms = 0; ms < ROUND_MS_MAX; ms = performance.now() - startMs) {
    if (ms > ROUND_MS_MIN && Atomics.load(progress, 1) >= LOSSES_MIN) break;
    await store.scale(random.between(1, 3));
    if (options.path !== undefined) await store.snapshot();
    await setTimeout(random.between(20, 200));
  }
  Atomics.store(progress, 0, 1);
  const sum = { puts: 0, hits: 0, misses: 0, losses: 0, evicted: 0 };
  for (const [[message]] of await Promise.all(ends)) {
    const { figures, error } = message as { figures?: LoadFigures; error?: string };
    assert.is(error, undefined, `DINOMO_SEED=${seed}: ${error}`);
    for (const name of ["puts", "hits", "misses", "losses"] as const) sum[name] += figures![name];
  }
  sum.evicted = store.stats().evicted;
  await store.close();
  return sum;
}

/** What must have happened, or the round has shown nothing. */
function assertEnough(sum: LoadFigures & { evicted: number }): void {
  const what = JSON.stringify(sum);
  assert.ok(sum.puts > 100 && sum.hits > 100 && sum.losses >= LOSSES_MIN && sum.evicted > 0, what);
}

test("in memory", async () => assertEnough(await load({}, SEED)));

test("with a bound of the number of keys", async () => {
  assertEnough(await load({ maxEntries: 150 }, SEED + 1));
});

test("logged to a path", async () => {
  assertEnough(await load({ path: temporaryPath(), durability: "os" }, SEED + 2));
});

test.run();
