/**
 * A thread that attaches, puts, closes the store or leaves it open, and ends.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { attach, type StoreHandle } from "../../../mod.ts";

/** What the thread is started with. */
export interface AttacherData {
  readonly handle: StoreHandle;
  readonly key: string;
  readonly closes: boolean;
}

const { handle, key, closes } = workerData as AttacherData;
const store = await attach<number>(handle);
await store.put(key, store.getSync(key)! + 1);
if (closes) await store.close();
