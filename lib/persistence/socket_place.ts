/**
 * Where the sockets of an open store are: in the pool's directory, `socket` for commands that
 * inspect it, `gateway` for other processes that use it.
 *
 * So a process that may use the directory finds it, from wherever it is mounted and with whatever
 * environment, and nobody else gets there. A path that is too long for sockets has them in a
 * directory of its own, `/tmp/dinomo-<device>-<inode>`, not in that of `TMPDIR` or
 * `XDG_RUNTIME_DIR`: those need not be the same in two processes. There anybody could have made a
 * directory of that name before, so it is used only if it belongs to the process that listens, and
 * nobody else may enter it. On Windows it is a named pipe.
 *
 * A process that is killed leaves the socket's name behind. The next one that opens the pool
 * removes it, while it holds the pool's lock, so it is nobody's.
 *
 * @module
 */
import { chmodSync, lstatSync, mkdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { process } from "../platform/process.ts";
import { isGranted } from "../platform/deno_permissions.ts";
import { PathError } from "../core/errors.ts";
import { GATEWAY_FILE, SOCKET_FILE } from "./pool_directory.ts";

/** Bytes of a path that a socket can have on every system, the NUL at its end not included. */
const PATH_BYTES_MAX = 103;
const FALLBACK_FOLDER = "/tmp";

/** The directory of a pool: where it is, and which one it is. */
export interface PlacedDirectory {
  /** Absolute. */
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** What a socket of a pool is for. */
export interface SocketUse {
  /** Its name in the directory. */
  readonly file: string;
  /** The option of `open` without which it is not needed. */
  readonly option: string;
}

/** Commands look at the store. */
export const INSPECTED: SocketUse = { file: SOCKET_FILE, option: "inspect" };
/** Other processes use the store. */
export const GATEWAY: SocketUse = { file: GATEWAY_FILE, option: "processes" };

/** Where a socket of a pool is. */
export interface SocketPlace {
  readonly use: SocketUse;
  /** Path of the socket, or name of the pipe. */
  readonly path: string;
  /** Whether its directory was made for it. */
  readonly isApart: boolean;
}

/** Where a socket of the pool in a directory is, whether it is open or not. */
export function socketPlaceOf(
  { path, device, inode }: PlacedDirectory,
  use: SocketUse,
): SocketPlace {
  const name = `dinomo-${device}-${inode}`;
  if (process.platform === "win32") {
    return { use, path: `\\\\.\\pipe\\${name}-${use.file}`, isApart: false };
  }
  const inside = join(path, use.file);
  if (new TextEncoder().encode(inside).length <= PATH_BYTES_MAX) {
    return { use, path: inside, isApart: false };
  }
  return { use, path: join(FALLBACK_FOLDER, name, use.file), isApart: true };
}

/**
 * Checks that Deno may listen in the directory of a pool, before anything is done there. A socket
 * that is apart has no name yet if there is no directory.
 *
 * @throws {PathError} when it may not
 */
export function assertMayListen(directory: string, use: SocketUse): void {
  const place = socketPlaceOf({ path: directory, device: 0n, inode: 0n }, use);
  if (!place.isApart) assertGranted(place);
}

/**
 * Checks that Deno may use a socket.
 *
 * @throws {PathError} when it may not
 */
export function assertGranted({ path, use }: SocketPlace): void {
  const needed = [
    ["--allow-read", { name: "read", path: dirname(path) }],
    ["--allow-write", { name: "write", path: dirname(path) }],
    ["--allow-net", { name: "net", host: `unix:${path}` }],
  ] as const;
  for (const [flag, permission] of needed) {
    if (isGranted(permission)) continue;
    const granted = permission.name === "net" ? permission.host : permission.path;
    throw new PathError(
      `${use.option} must be false, or Deno must be allowed to use its socket: ` +
        `it needs ${flag}=${granted}`,
    );
  }
}

/**
 * Makes the place ready for a socket; the caller holds the pool's lock.
 *
 * @throws {PathError} when Deno may not listen there, or another user has the place
 */
function preparePlace(place: SocketPlace): void {
  const { path, isApart } = place;
  assertGranted(place);
  if (process.platform === "win32") return;
  whenUsable(place, () => {
    if (isApart) makeFolder(dirname(path));
    rmSync(path, { force: true });
  });
}

/**
 * Lets nobody but the user connect, and makes sure that the socket is where it was made.
 *
 * @throws {PathError} when another user owns the directory
 */
function securePlace(place: SocketPlace): void {
  const { path, isApart } = place;
  if (process.platform === "win32") return;
  whenUsable(place, () => {
    chmodSync(path, 0o600);
    if (isApart && lstatSync(path).uid !== lstatSync(dirname(path)).uid) {
      throw new Error("another user owns its directory");
    }
  });
}

/**
 * Listens at a place, without keeping the process alive; the caller holds the pool's lock.
 *
 * @throws {PathError} when there is no place for the socket, or Deno may not listen there
 */
export async function listenAt(
  place: SocketPlace,
  onSocket: (socket: Socket) => void,
): Promise<Server> {
  preparePlace(place);
  const server = createServer(onSocket);
  try {
    await new Promise<void>((resolve, reject) => {
      // Stays: that a connection could not be accepted must not end the process.
      server.on("error", reject);
      server.listen(place.path, resolve);
    });
  } catch (error) {
    throw placeError(place, error);
  }
  server.unref();
  try {
    securePlace(place);
  } catch (error) {
    server.close();
    throw error;
  }
  return server;
}

/** Removes the socket, unless another directory is at the pool's path by now. */
export function clearPlace(place: SocketPlace, directory: PlacedDirectory): void {
  if (process.platform === "win32") return;
  try {
    const { dev, ino } = statSync(directory.path, { bigint: true });
    if (!place.isApart && (dev !== directory.device || ino !== directory.inode)) return;
    rmSync(place.path, { force: true });
    if (place.isApart) rmdirSync(dirname(place.path));
  } catch {
    // What is left is removed by the next one that opens the pool.
  }
}

/**
 * Whether a socket apart from its pool's directory is that of the process that has the pool open:
 * it belongs to the owner of the lock file, and is in a directory that nobody else may enter.
 */
export function isTrusted({ path, isApart }: SocketPlace, lockFile: string): boolean {
  if (!isApart) return true;
  const folder = lstatSync(dirname(path), { throwIfNoEntry: false });
  const lock = lstatSync(lockFile, { throwIfNoEntry: false });
  return folder !== undefined && lock !== undefined && folder.isDirectory() &&
    folder.uid === lock.uid && (folder.mode & 0o077) === 0;
}

/** Makes a directory that nobody else may enter, or takes one that is there and is like that. */
function makeFolder(folder: string): void {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  const info = lstatSync(folder);
  if (info.isDirectory() && (info.mode & 0o077) === 0) return;
  throw new Error("it must be a directory that nobody else may enter");
}

function whenUsable(place: SocketPlace, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw placeError(place, error);
  }
}

/** Says that no socket can be at its place. */
function placeError({ path, use }: SocketPlace, cause: unknown): PathError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PathError(
    `${use.option} must be false, or there must be a place for its socket, failed at ${
      JSON.stringify(path)
    }: ${reason}`,
    { cause },
  );
}
