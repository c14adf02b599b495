/**
 * Fills a pool whose writes are logged, with frames behind its checkpoint, and waits to be killed.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";
import { datasetKey, datasetValue } from "../dataset.ts";

/** What to fill. */
export interface LoggedPool {
  readonly path: string;
  /** Keys of the dataset; the second half is behind the checkpoint. */
  readonly count: number;
  /**
   * Whether the last structure of msgpack is behind the checkpoint, in a frame that is known to be
   * synced.
   */
  readonly isStructureLast?: boolean;
}

const { path, count, isStructureLast = false } = childArguments<LoggedPool>();
const store = await open<unknown>({
  keys: "mixed",
  path,
  capacity: "1MiB",
  segmentBytes: "64KiB",
  nodes: isStructureLast ? 1 : 3,
  durability: "os",
});
if (isStructureLast) await writeStructureLast();
else await writeHalves();
await store.flush();
say("ready");
await setTimeout(60_000);

/** Writes the dataset, its second half behind the checkpoint. */
async function writeHalves(): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (i === count >>> 1) await store.snapshot();
    // Frames that come later know that those before had been synced.
    if (i === Math.floor(count * 0.75)) await store.flush();
    await store.put(datasetKey(i), datasetValue(i));
  }
  await store.put("gone in a day", "x", { ttl: 86_400_000 });
}

/** Writes a value of which only the names of its properties will be damaged. */
async function writeStructureLast(): Promise<void> {
  await store.put("first", { a: 1 });
  await store.snapshot();
  await store.put("second", { b: 1, c: 2 });
  await store.flush();
  await store.put("third", 3);
  await store.flush();
  await store.put("fourth", 4);
}
