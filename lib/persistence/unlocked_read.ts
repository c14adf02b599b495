/**
 * Reads the files of a pool without a lock: for disks that are read-only or full, and for looking
 * at a pool without being in the way of those that open it. Nothing is written, and nothing is held
 * that others want.
 *
 * Instead of keeping writers away it is made sure that there was none, in two ways:
 *
 * 1. Before the files are read, the lock file must not name an opener that lives, or may live. Who
 *    opens the pool later does not wait for this reader.
 * 2. Before and after, the directory, the checkpoint, the images and the lock file must be the same
 *    by inode, size and time. An opener creates a lock file, and a store that replaces its
 *    checkpoint a file, which both change the directory. If something has changed, what was read
 *    may be of two moments: it is read again, a few times at most.
 *
 * What remains are writers whose lock file says nothing here, in another container or on another
 * machine: they are found out by the second rule alone, as exactly as the system keeps times.
 *
 * @module
 */
import { join } from "node:path";
import type { FileInfo, FileSystem } from "./file_system.ts";
import { describeHolder, lockedError, possibleHolder } from "./lock_file.ts";
import { assertPool, CHECKPOINT_FILE, imageNumber, LOCK_FILE } from "./pool_directory.ts";
import { isTaken, socketName } from "./pool_socket.ts";

/** Times that files are read which change meanwhile: openers come and go, but not so often. */
const ATTEMPTS_MAX = 5;

/**
 * Reads the files of a pool that no store has open, as of one moment.
 *
 * @param read gets the absolute path of the directory; is called again if the files have changed
 *   meanwhile
 * @throws {PathError} when there is no pool that can be read
 * @throws {PoolLockedError} when a store has it open, or opens it again and again
 */
export async function readUnlocked<Result>(
  files: FileSystem,
  directory: string,
  read: () => Result | Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    assertPool(files, directory);
    const before = stateOf(files, directory);
    await assertNotOpen(files, directory);
    let result: Result | undefined;
    let failure: { readonly error: unknown } | undefined;
    try {
      result = await read();
    } catch (error) {
      failure = { error };
    }
    if (stateOf(files, directory) !== before) continue;
    if (failure !== undefined) throw failure.error;
    return result!;
  }
  throw lockedError(directory, describeHolder(undefined));
}

/** Throws if a store has a pool open, or may have. */
async function assertNotOpen(files: FileSystem, path: string): Promise<void> {
  const info = files.info(path);
  // It is gone: that is said by what reads it.
  if (info === undefined) return;
  const { device, inode } = info;
  const possible = possibleHolder(files, path, `${device}:${inode}`);
  if (possible === undefined) return;
  const { holder, isUnclear } = possible;
  const name = socketName(device, inode);
  if (isUnclear && await isTaken(holder.socket, name, path) === false) return;
  throw lockedError(path, describeHolder(holder));
}

/** Tells two states of the files apart. */
function stateOf(files: FileSystem, directory: string): string {
  const names = namesIn(files, directory).filter((name) =>
    name === CHECKPOINT_FILE || name === LOCK_FILE || imageNumber(name) !== undefined
  );
  const states = names.map((name) => `${name} ${describeInfo(files.info(join(directory, name)))}`);
  return [describeInfo(files.info(directory)), ...states].join("\n");
}

function namesIn(files: FileSystem, directory: string): string[] {
  try {
    return files.list(directory).sort();
  } catch {
    return [];
  }
}

function describeInfo(info: FileInfo | undefined): string {
  if (info === undefined) return "nothing";
  const { device, inode, size, modifiedMs } = info;
  return [device, inode, size, modifiedMs].join(" ");
}
