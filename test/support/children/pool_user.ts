/**
 * Uses the pool at a path, in a process of its own: writes it, checks it, or works on it until it
 * is killed.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";
import { checkDataset, writeDataset } from "../dataset.ts";
import { writeAnyValues } from "../values.ts";

/** What to do with the pool. */
export interface PoolUse {
  readonly path: string;
  readonly mode: "write" | "check" | "writeAny" | "unsnapshotted" | "generations";
  /** Values of the dataset, or of all kinds, or keys of a generation. */
  readonly count: number;
  /** Of the values of all kinds. */
  readonly seed?: number;
}

/** Some of the values of all kinds are large. */
const SIZES = {
  small: { capacity: "4MiB", segmentBytes: "64KiB" },
  large: { capacity: "64MiB", segmentBytes: "4MiB" },
} as const;

const { path, mode, count, seed = 0 } = childArguments<PoolUse>();
const store = await open<unknown>({
  keys: "mixed",
  path,
  // An existing pool keeps its own sizes.
  ...(mode === "check" ? {} : SIZES[mode === "writeAny" ? "large" : "small"]),
  nodes: 2,
  // What is lost without a snapshot would not be lost otherwise.
  ...(mode === "unsnapshotted" || mode === "generations" ? { durability: "memory" } : {}),
});

/** Writes a generation's number to all keys. */
function writeGeneration(generation: number): Promise<void> {
  return store.putMany(
    Array.from({ length: count }, (_, i): [string, unknown] => [`key ${i}`, { generation, i }]),
  );
}

switch (mode) {
  case "write":
    await writeDataset(store, count);
    await store.close();
    say("written");
    break;
  case "check":
    await checkDataset(store, count);
    await store.close();
    say("checked");
    break;
  case "writeAny":
    await writeAnyValues(store, count, seed);
    await store.close();
    say("written");
    break;
  case "unsnapshotted":
    await writeGeneration(1);
    await store.put("only in the snapshot", 1);
    await store.snapshot();
    await writeGeneration(2);
    await store.delete("only in the snapshot");
    await store.put("not in the snapshot", 1);
    say("ready");
    await setTimeout(60_000);
    break;
  case "generations":
    for (let generation = Number(await store.get("generation") ?? 0) + 1;; generation++) {
      await writeGeneration(generation);
      await store.put("generation", generation);
      say({ begun: generation });
      await store.snapshot();
      say({ ended: generation });
    }
}
