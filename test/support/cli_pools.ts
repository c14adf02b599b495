/**
 * Pools for the tests of the command.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Runtime } from "../../scripts/runtimes.ts";
import { type Key, open, type OpenOptions, type Store } from "../../mod.ts";
import { Child } from "./child.ts";
import type { LoggedPool } from "./children/logged_pool.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { CHECKPOINT_PATH, imagePath } from "./snapshots.ts";
import { temporaryPath } from "./temporary.ts";

/** Sizes that keep the files of a test small. */
export const SMALL = { capacity: "1MiB", segmentBytes: "64KiB" } as const;

/** A pool that was filled and closed; its path. */
export async function closedPool<V>(
  options: OpenOptions<V, "mixed">,
  fill: (store: Store<V, Key>) => unknown,
): Promise<string> {
  const path = temporaryPath();
  const store = await open<V>({ path, ...SMALL, ...options, keys: "mixed" });
  await fill(store);
  await store.close();
  return path;
}

/** A pool with frames behind its checkpoint, as a process that was killed has left it; its path. */
export async function killedPool(
  count: number,
  runtime?: Runtime,
  isStructureLast = false,
): Promise<string> {
  const path = temporaryPath();
  const pool: LoggedPool = { path, count, isStructureLast };
  const child = new Child("logged_pool", pool, runtime);
  const message = await child.message(0);
  child.kill();
  const { output } = await child.ended();
  assert.is(message, "ready", output);
  return path;
}

/** The files of a pool on a disk in memory, as a directory; its path. */
export function written(disk: MemoryDisk): string {
  const path = temporaryPath();
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "checkpoint"), disk.fileContents(CHECKPOINT_PATH));
  writeFileSync(join(path, "image-1"), disk.fileContents(imagePath(1)));
  return path;
}
