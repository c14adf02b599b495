/**
 * A thread that puts keys of its own into a cache, and reads those of all; see ../evicting_load.ts.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attach } from "../../../mod.ts";
import { EvictingLoad, type EvictingLoadData } from "../evicting_load.ts";

const data = workerData as EvictingLoadData;
const store = await attach<Uint8Array>(data.handle, { codec: "binary" });
const load = new EvictingLoad(store, data);
try {
  await load.run();
  await store.close();
  parentPort!.postMessage({ figures: load.figures });
} catch (error) {
  parentPort!.postMessage({ error: (error as Error).stack ?? String(error) });
}
