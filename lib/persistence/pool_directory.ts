/**
 * The directory of a pool: which files are in it, and whether it can be used.
 *
 * @module
 */
import { dirname } from "node:path";
import { PathError } from "../core/errors.ts";
import { isGranted } from "../platform/deno_permissions.ts";
import type { FileSystem } from "./file_system.ts";
import { withPathError } from "./path_error.ts";

/** The newest checkpoint. */
export const CHECKPOINT_FILE = "checkpoint";
const IMAGE_PREFIX = "image-";
/** Says which process has the pool open. */
export const LOCK_FILE = "lock";
/** Which numbers of sessions may have been given: see session_numbers.ts. */
export const SESSIONS_FILE = "sessions";
/** The socket of an open store that is inspected: see lib/live. */
export const SOCKET_FILE = "socket";
/** The socket of an open store that other processes use: see lib/gateway. */
export const GATEWAY_FILE = "gateway";
const LOCK_DRAFT_PREFIX = `${LOCK_FILE}.new-`;
const LOCK_CLAIM_PREFIX = `${LOCK_FILE}.claim-`;

/** Name of a lock file that is not in its place yet. */
export function lockDraftFile(token: string): string {
  return `${LOCK_DRAFT_PREFIX}${token}`;
}

/** Name of the claim on a lock file whose holder has ended, or on another claim. */
export function lockClaimFile(identity: string): string {
  return `${LOCK_CLAIM_PREFIX}${identity}`;
}

/** Whether a name is one of a draft of a lock file, or of a claim on one. */
export function isLockHelperFile(name: string): boolean {
  return /^lock\.(new|claim)-[0-9a-z-]{1,60}$/.test(name);
}

/** Name of the image of a snapshot. */
export function imageFile(number: number): string {
  return `${IMAGE_PREFIX}${number}`;
}

/** The snapshot that an image belongs to; undefined for other names. */
export function imageNumber(name: string): number | undefined {
  const match = /^image-(\d{1,10})$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/**
 * Checks that a path is free for a pool, or holds one; creates nothing.
 *
 * @returns whether it holds a snapshot
 * @throws {PathError} when it cannot be used
 */
export function inspectPoolDirectory(files: FileSystem, path: string): boolean {
  const names = withPathError(path, () => {
    const info = files.info(path);
    if (info === undefined) {
      assertNotInPool(files, path);
      return [];
    }
    if (info.kind !== "directory") {
      throw new PathError(
        `path must be a directory or not exist yet, got ${JSON.stringify(path)}, which is a file`,
      );
    }
    files.assertWritable(path);
    return files.list(path);
  });
  const foreign = names.find((name) => !isPoolFile(name));
  if (foreign !== undefined) {
    throw new PathError(
      `path must be an empty directory or a pool, got ${JSON.stringify(path)}, which holds ${
        JSON.stringify(foreign)
      }`,
    );
  }
  return names.includes(CHECKPOINT_FILE);
}

/**
 * Checks that there is a pool at a path, to be read.
 *
 * @throws {PathError} when there is none, or it cannot be looked at
 */
export function assertPool(files: FileSystem, path: string): void {
  const shown = JSON.stringify(path);
  const names = whenReadable(path, () => {
    const info = files.info(path);
    if (info === undefined) throw new PathError(`path must be a pool, and ${shown} does not exist`);
    if (info.kind !== "directory") {
      throw new PathError(`path must be the directory of a pool, got ${shown}, which is a file`);
    }
    return files.list(path);
  });
  if (names.includes(CHECKPOINT_FILE)) return;
  throw new PathError(
    `path must be the directory of a pool, got ${shown}, which holds no file "${CHECKPOINT_FILE}"`,
  );
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

/**
 * Creates the directory of a new pool, if it does not exist.
 *
 * @throws {PathError} when it cannot be created
 */
export function createPoolDirectory(files: FileSystem, path: string): void {
  withPathError(path, () => {
    const missing = missingDirectories(files, path);
    for (const directory of missing) files.makeDirectory(directory);
    files.assertWritable(path);
    for (const directory of missing) syncParent(files, directory);
  });
}

/**
 * Checks that a directory is neither a pool's own nor inside of it, by whatever path or symbolic
 * link: a pool that holds something else cannot be opened any more.
 *
 * @throws {PathError} when it is
 */
export function assertOutsideOf(
  files: FileSystem,
  path: string,
  pool: { readonly device: bigint; readonly inode: bigint },
): void {
  withPathError(path, () => {
    let at = nearestExisting(files, path);
    for (let info = files.info(at); info !== undefined;) {
      if (info.device === pool.device && info.inode === pool.inode) {
        throw new PathError(
          `directory must be outside of the pool's own, got ${JSON.stringify(path)}`,
        );
      }
      // Not by cutting off the path's end: that may be a symbolic link.
      at += "/..";
      // What may not be looked at is above all that was granted, and so above the pool.
      const parent = isGranted({ name: "read", path: at }) ? files.info(at) : undefined;
      const isRoot = parent?.device === info.device && parent.inode === info.inode;
      info = isRoot ? undefined : parent;
    }
  });
}

/**
 * Checks that a directory that does not exist is not to be made inside of a pool, which could not
 * be opened any more then.
 */
function assertNotInPool(files: FileSystem, path: string): void {
  const parent = nearestExisting(files, path);
  let names: string[] = [];
  try {
    names = files.list(parent);
  } catch {
    // A directory that cannot be listed is not taken for a pool.
  }
  const isPool = names.includes(CHECKPOINT_FILE) || names.includes(LOCK_FILE);
  if (!isPool || !names.every(isPoolFile)) return;
  throw new PathError(
    `path must not be inside of a pool, got ${JSON.stringify(path)}, and there is one at ${
      JSON.stringify(parent)
    }`,
  );
}

function nearestExisting(files: FileSystem, path: string): string {
  const parent = dirname(path);
  return parent === path || exists(files, path) ? path : nearestExisting(files, parent);
}

/** Whether there is something at a path; one that Deno may not look at is taken for that. */
function exists(files: FileSystem, path: string): boolean {
  return !isGranted({ name: "read", path }) || files.info(path) !== undefined;
}

/** The directories on the way to a path that do not exist, from the top. */
function missingDirectories(files: FileSystem, path: string): string[] {
  const parent = dirname(path);
  if (parent === path || exists(files, path)) return [];
  return [...missingDirectories(files, parent), path];
}

/**
 * Makes it durable that a directory was created, if its parent can be read, which writing to it
 * does not take.
 */
function syncParent(files: FileSystem, path: string): void {
  try {
    files.syncDirectory(dirname(path));
  } catch {
    // After a power loss the pool may not be there then.
  }
}

/**
 * Opens a file of a pool for reading.
 *
 * @throws {PathError} when it is not a file, or cannot be opened
 */
export function openPoolFile(files: FileSystem, file: string): number {
  return withPathError(file, () => {
    const kind = files.info(file)?.kind;
    if (kind !== undefined && kind !== "file") {
      throw new Error(
        `it must be a file, got ${kind === "directory" ? "a directory" : "something else"}`,
      );
    }
    return files.openForRead(file);
  });
}

/**
 * Names that other programs leave behind in directories of any kind; the last ones are of files
 * that were removed while open.
 */
const HARMLESS =
  /^(?:lost\+found|\.gitkeep|\.gitignore|\.keep|\.DS_Store|\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+)$/;

function isPoolFile(name: string): boolean {
  return HARMLESS.test(name) || name === CHECKPOINT_FILE || name === `${CHECKPOINT_FILE}.new` ||
    imageNumber(name) !== undefined || name === LOCK_FILE || name === SOCKET_FILE ||
    name === GATEWAY_FILE || name === SESSIONS_FILE || name === `${SESSIONS_FILE}.new` ||
    isLockHelperFile(name);
}
