/**
 * A thread that commits two keys again and again, until it is told to stop.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../mod.ts";

/** What it is given. */
export interface CommittingThreadData {
  readonly handle: StoreHandle;
  readonly keys: readonly [string, string];
  /** Its first word becomes 1 when the thread is to stop. */
  readonly stop: Int32Array;
}

const { handle, keys: [one, other], stop } = workerData as CommittingThreadData;
const store = await attach<number>(handle);
let count = 0;
parentPort!.postMessage("has begun");
for (; Atomics.load(stop, 0) === 0; count++) {
  await store.atomic().put(one, count).put(other, count).commit();
}
await store.close();
parentPort!.postMessage(count);
