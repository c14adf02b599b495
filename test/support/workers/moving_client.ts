/**
 * A thread that attaches to a store, and moves ones from key to key until it is told to stop: it
 * takes from one key, and then gives to another.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What such a thread is given. */
export interface MovingOrder {
  readonly handle: StoreHandle;
  readonly keys: readonly string[];
  /** Its first word becomes 1 when the thread is to stop. */
  readonly stop: Int32Array;
}

const { handle, keys, stop } = workerData as MovingOrder;
const store = await attach<number>(handle);
let count = 0;
for (; Atomics.load(stop, 0) === 0; count++) {
  store.incrementSync(keys[count % keys.length]!, -1);
  store.incrementSync(keys[(count * 7 + 3) % keys.length]!, 1);
  // Now and then the store is left alone, long enough for a far pool to be read.
  if (count === 31) parentPort!.postMessage("has begun");
  if (count % 32 === 31) Atomics.wait(stop, 0, 0, 8);
}
await store.close();
parentPort!.postMessage(count);
