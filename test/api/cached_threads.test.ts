/**
 * Threads that write while others read through their caches, in a pool so small that segments are
 * reused all the time: every history is linearizable (I4), and caches are hit.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";
import { assertLinearizable } from "../support/linearizability/check_history.ts";
import { makeTape } from "../support/linearizability/history_tape.ts";
import { makeClockWord } from "../support/linearizability/shared_clock.ts";
import { seeded } from "../support/random.ts";
import type { CachedClientData } from "../support/workers/cached_client.ts";

const THREAD_COUNT = 3;
const OPERATIONS = 10_000;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

test(
  "reads through caches are linearizable, while three threads write, delete and read",
  seeded(async (random) => {
    await using store = await open({ nodes: 2, capacity: "256KiB", segmentBytes: "4KiB" });
    const clockWord = makeClockWord();
    const counts = new Int32Array(new SharedArrayBuffer(8));
    const tapes = Array.from({ length: THREAD_COUNT }, (_, i) => makeTape(i + 1, OPERATIONS));
    const url = new URL(`../support/workers/cached_client.${EXTENSION}`, import.meta.url);
    const keyCount = random.between(2, 30);
    const threads = tapes.map((tape) => {
      const data: CachedClientData = {
        handle: store.share(),
        tape,
        clockWord,
        seed: random.below(2 ** 31),
        keyCount,
        cacheBytes: random.pick([4096, 65_536]),
        counts,
      };
      return new Worker(url, { workerData: data });
    });
    await Promise.all(threads.map((thread) => once(thread, "exit")));
    assert.is(assertLinearizable(tapes), THREAD_COUNT * OPERATIONS);
    assert.ok(counts[0]! > OPERATIONS / 10, `${counts[0]} hits`);
    assert.ok(counts[1]! > OPERATIONS / 10, `${counts[1]} misses`);
  }),
);

test.run();
