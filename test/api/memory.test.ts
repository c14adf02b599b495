/**
 * Reading and writing take no more memory than values do, whatever the capacity of the store.
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "../../mod.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { collectGarbage } from "../support/cycles.ts";
import { fillLoad, LoadKind, runLoad } from "../support/memory_load.ts";
import type { LoadingData } from "../support/workers/loading_thread.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const THREAD = new URL(`../support/workers/loading_thread.${EXTENSION}`, import.meta.url);

const MIB = 2 ** 20;
/** Above the pool's pages: a runtime's heap, garbage, and a thread's heap. */
const GROWTH_MIB_MAX = 200;
/** The same where 50 MiB of values are kept and replaced: without any store V8 takes up to 300. */
const GROWTH_KEPT_MIB_MAX = 400;
/**
 * Enough to read 300 MiB, to keep and replace 600, and to write 100, as garbage and into the pool.
 */
const COUNTS = { reads: 30_000, kept: 60_000, writes: 10_000 } as const;
const BLOCK_BYTES = 200_000;

/** Bytes of a pool, as far as it has grown. */
function sharedBytes({ handle: { index, log } }: Pool): number {
  return [...index, ...log].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** By how much the process grows in `load`, which returns its peak, beside the pool's pages. */
async function growthMib(
  store: Store<string>,
  load: () => number | Promise<number>,
): Promise<number> {
  const pool = Pool.attach(checkHandle(store.share()).pool);
  collectGarbage();
  const before = process.memoryUsage.rss() - sharedBytes(pool);
  const peak = await load();
  return (peak - sharedBytes(pool) - before) / MIB;
}

const reads = [LoadKind.READS, LoadKind.KEPT];
const pools = [["the default store", 0], ["a store with 150 MiB in it", 150]] as const;

for (const [name, filledMib] of pools) {
  test(`${name}: memory is bounded here, and for a thread that has attached`, async () => {
    await using store = await open<string>();
    fillLoad(store);
    const block = "x".repeat(BLOCK_BYTES);
    for (let i = 0; i < (filledMib * MIB) / BLOCK_BYTES; i++) store.putSync(`block ${i}`, block);
    for (const kind of [...reads, LoadKind.WRITES]) {
      const grown = await growthMib(store, () => runLoad(store, kind, COUNTS[kind]));
      const max = kind === LoadKind.KEPT ? GROWTH_KEPT_MIB_MAX : GROWTH_MIB_MAX;
      assert.ok(grown < max, `${kind}: ${grown} MiB`);
    }
    const grown = await growthMib(store, async () => {
      const operationCount = COUNTS.reads;
      const data: LoadingData = { handle: store.share(), kinds: reads, operationCount };
      const worker = new Worker(THREAD, { workerData: data });
      const [peak] = await once(worker, "message") as [number];
      await once(worker, "exit");
      return peak;
    });
    assert.ok(grown < GROWTH_KEPT_MIB_MAX, `attached: ${grown} MiB`);
  });
}

test.run();
