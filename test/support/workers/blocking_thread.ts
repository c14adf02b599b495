/**
 * A thread that opens a store which several processes use, and calls it without awaiting anything.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { open, type OpenOptions } from "../../../mod.ts";

const { options, name, count } = workerData as {
  options: OpenOptions<unknown>;
  name: string;
  count: number;
};
const store = await open<unknown>(options);
for (let i = 0; i < count; i++) {
  store.incrementSync("sum");
  store.putSync(name, i);
  if (store.getSync(name) !== i) throw new Error(`${name} must be ${i}`);
}
await store.close();
parentPort!.postMessage("done");
