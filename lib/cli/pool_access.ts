/**
 * How commands get at a pool without opening it: they restore it in memory, as `open` would, and
 * start no threads. They write nothing, and take no lock; a repair opens the pool for what it writes.
 *
 * @module
 */
import { resolve } from "node:path";
import { nodeFileSystem } from "../persistence/file_system.ts";
import type { Damage } from "../persistence/frame_replay.ts";
import { readSnapshot, type RestoredPool } from "../persistence/snapshot_reader.ts";
import { readUnlocked } from "../persistence/unlocked_read.ts";

/**
 * Reads the files of a pool that no store has open. Writes nothing, and is in no opener's way.
 *
 * @param read gets the absolute path of the pool's directory
 * @throws {PathError} when there is no pool that can be read
 * @throws {PoolLockedError} when it is open
 */
export async function readPool<Result>(
  path: string,
  read: (directory: string) => Result | Promise<Result>,
): Promise<Result> {
  const directory = resolve(path);
  return await readUnlocked(nodeFileSystem, directory, () => read(directory));
}

/**
 * Restores a pool in memory. Damage behind the checkpoint is left out and reported; nothing changes
 * in the files.
 *
 * @throws {FormatError} when a file is not of this format
 * @throws {CorruptionError} when checkpoint or image are damaged
 */
export function restoreInMemory(
  directory: string,
  onProgress?: (share: number) => void,
): RestoredPool {
  const asStored = { codec: undefined, capacityBytes: undefined, segmentBytes: undefined };
  return readSnapshot(nodeFileSystem, directory, asStored, { repair: true, onProgress });
}

/** Says where something is damaged. */
export function describeDamage({ file, offset, bytes, reason }: Damage): string {
  return `${file}: damaged at byte ${offset}: ${reason}, ${bytes} bytes`;
}

/** A count as a person reads it. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A count with its noun. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
