/**
 * A thread that attaches, runs a load, and says how much memory the process had.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";
import { type LoadKind, runLoad } from "../memory_load.ts";

/** What the thread is started with. */
export interface LoadingData {
  readonly handle: StoreHandle;
  readonly kinds: readonly LoadKind[];
  readonly operationCount: number;
}

const { handle, kinds, operationCount } = workerData as LoadingData;
const store = await attach<string>(handle);
const peaks = kinds.map((kind) => runLoad(store, kind, operationCount));
await store.close();
parentPort!.postMessage(Math.max(...peaks));
