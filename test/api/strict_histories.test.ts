/**
 * What several threads are told that read, put and commit the same few keys at the same time is
 * strictly serializable.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";
import {
  isStrictlySerializable,
  renderStrict,
  type StrictOperation,
} from "../support/linearizability/strict_search.ts";
import { SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";
import type { HistoryOrder } from "../support/workers/history_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const CLIENT = new URL(`../support/workers/history_client.${EXTENSION}`, import.meta.url);
const CLIENTS = 3;
const ROUNDS = 20;
const OPERATIONS = 6;

for (const durability of ["memory", "os"] as const) {
  test(`threads are told what is strictly serializable: ${durability}`, async () => {
    const logged = durability === "os" ? { path: temporaryPath(), durability } : {};
    await using store = await open<number>({
      ...logged,
      capacity: "2MiB",
      segmentBytes: "8KiB",
      nodes: 2,
    });
    const words = new Int32Array(new SharedArrayBuffer(8));
    const histories = await Promise.all(
      Array.from(
        { length: CLIENTS },
        (_, client) =>
          new Promise<StrictOperation[][]>((resolve, reject) => {
            const workerData: HistoryOrder = {
              handle: store.share(),
              client,
              clientCount: CLIENTS,
              rounds: ROUNDS,
              operations: OPERATIONS,
              seed: SEED,
              words,
            };
            const worker = new Worker(CLIENT, { workerData });
            worker.on("message", resolve);
            worker.on("error", reject);
          }),
      ),
    );
    let overlaps = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const history = histories.flatMap((of) => of[round]!);
      assert.ok(
        isStrictlySerializable(history),
        `seed ${SEED}, round ${round}:\n${renderStrict(history)}`,
      );
      overlaps += history.filter(({ callAt, returnAt }) => returnAt > callAt + 1).length;
    }
    assert.ok(overlaps > ROUNDS / 4, `${overlaps} operations overlapped others`);
  });
}

test.run();
