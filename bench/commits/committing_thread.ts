/**
 * A thread that commits two keys again and again, whenever it is told to.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../mod.ts";

/** What it is given. */
export interface CommittingThreadData {
  readonly handle: StoreHandle;
  readonly keys: readonly [string, string];
  /** What it is to do: 0 rest, 1 commit, 2 end; and how many commits it has made. */
  readonly words: Int32Array;
}

const REST_MS = 20;

const { handle, keys: [one, other], words } = workerData as CommittingThreadData;
const store = await attach<number>(handle);
parentPort!.postMessage("has begun");
for (let count = 0; Atomics.load(words, 0) !== 2;) {
  if (Atomics.wait(words, 0, 0, REST_MS) === "timed-out") continue;
  await store.atomic().put(one, count).put(other, count).commit();
  count += 1;
  Atomics.store(words, 1, count);
}
await store.close();
