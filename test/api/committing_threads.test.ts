/**
 * Atomic commits and transactions by several threads: readers in others never see one by half,
 * nothing is lost or doubled, also while KNs come, go and die.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type OpenOptions, type Store } from "../../mod.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { CommittingOrder, CommittingReport } from "../support/workers/committing_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const CLIENT = new URL(`../support/workers/committing_client.${EXTENSION}`, import.meta.url);
const COUNTERS = ["one", "two", "three"];
const ACCOUNTS = Array.from({ length: 6 }, (_, i) => `account ${i}`);
const DURATION_MS = 200;

/** Lets two threads commit and one read while `act` does something to the store. */
async function race(store: Store<number>, act: () => Promise<void>): Promise<void> {
  await store.putMany(ACCOUNTS.map((key) => [key, 100]));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const threads = [false, false, true].map((isReader) => {
    const workerData: CommittingOrder = {
      handle: store.share(),
      counters: COUNTERS,
      accounts: ACCOUNTS,
      stop,
      isReader,
    };
    return new Worker(CLIENT, { workerData });
  });
  const reports = threads.map((thread) =>
    new Promise<CommittingReport>((resolve, reject) => {
      thread.on("message", (message) => typeof message === "object" && resolve(message));
      thread.on("error", reject);
    })
  );
  await Promise.all(threads.map((thread) => once(thread, "message")));
  await act();
  Atomics.store(stop, 0, 1);
  const sum = { commits: 0, transfers: 0, reads: 0 };
  for (const { commits, transfers, reads, failures } of await Promise.all(reports)) {
    assert.equal(failures, []);
    sum.commits += commits;
    sum.transfers += transfers;
    sum.reads += reads;
  }
  assert.ok(sum.commits > 20 && sum.transfers > 20 && sum.reads > 20, JSON.stringify(sum));
  assert.equal(await store.getMany(COUNTERS), COUNTERS.map(() => sum.commits));
  const total = (await store.getMany(ACCOUNTS)).reduce((all, value) => all! + value!, 0);
  assert.is(total, 100 * ACCOUNTS.length);
}

const SMALL: OpenOptions<number> = { capacity: "2MiB", segmentBytes: "8KiB", nodes: 2 };

test("threads see commits of others whole or not at all", async () => {
  await using store = await open<number>(SMALL);
  await race(store, () => setTimeout(DURATION_MS));
});

test("also where they are logged, and slots move", async () => {
  await using store = await open<number>({ ...SMALL, path: temporaryPath(), durability: "os" });
  await race(store, async () => {
    for (const nodes of [3, 1, 2]) {
      await store.scale(nodes);
      await setTimeout(DURATION_MS / 4);
    }
  });
});

test.run();
