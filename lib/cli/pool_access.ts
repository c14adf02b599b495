/**
 * How commands get at a pool without opening it: they restore it in memory, as `open` would, start
 * no threads, and write nothing but the lock file, which they remove.
 *
 * @module
 */
import { resolve } from "node:path";
import { PathError } from "../core/errors.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import type { Damage } from "../persistence/frame_replay.ts";
import { CHECKPOINT_FILE } from "../persistence/pool_directory.ts";
import { PoolLock } from "../persistence/pool_lock.ts";
import { readSnapshot, type RestoredPool } from "../persistence/snapshot_reader.ts";

/**
 * Does something with the files of a pool while no other process or thread may change them.
 *
 * @param action gets the absolute path of the pool's directory
 * @throws {PathError} when there is no pool that can be read
 * @throws {PoolLockedError} when it is open
 */
export async function withPool<Result>(
  path: string,
  action: (directory: string) => Result | Promise<Result>,
): Promise<Result> {
  const directory = resolve(path);
  assertPool(directory);
  const lock = await lockOf(directory);
  try {
    return await action(directory);
  } finally {
    await lock?.release();
  }
}

/**
 * The lock of a directory; none where this process could not write, so that a pool on a disk that
 * is read-only can be read.
 */
async function lockOf(directory: string): Promise<PoolLock | undefined> {
  try {
    nodeFileSystem.assertWritable(directory);
  } catch {
    return undefined;
  }
  return await PoolLock.acquire(directory);
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

function assertPool(directory: string): void {
  const shown = JSON.stringify(directory);
  const names = whenReadable(directory, () => {
    const info = nodeFileSystem.info(directory);
    if (info === undefined) throw new PathError(`path must be a pool, and ${shown} does not exist`);
    if (info.kind !== "directory") {
      throw new PathError(`path must be the directory of a pool, got ${shown}, which is a file`);
    }
    return nodeFileSystem.list(directory);
  });
  if (!names.includes(CHECKPOINT_FILE)) {
    throw new PathError(
      `path must be the directory of a pool, got ${shown}, which holds no file "${CHECKPOINT_FILE}"`,
    );
  }
}

function whenReadable<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof PathError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PathError(
      `path must be a directory that can be read, failed at ${JSON.stringify(path)}: ${reason}`,
      { cause: error },
    );
  }
}
