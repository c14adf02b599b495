/**
 * What a lock file holds, or a claim: one line of JSON that names an opener. See lock_file.ts.
 *
 * @module
 */
import { systemCodeOf } from "../core/system_code.ts";
import { type FileSystem, readFully, removeQuietly, writeFully } from "./file_system.ts";
import { withPathError } from "./path_error.ts";
import type { ProcessIdentity } from "./process_identity.ts";

/** The opener that has a pool open. */
export interface LockHolder extends ProcessIdentity {
  /** Drawn at random for this opening; 16 hexadecimal digits. */
  readonly token: string;
  /**
   * Device and inode of the directory: a lock file that was copied to another one does not lock
   * that.
   */
  readonly directory: string;
  /** When it was opened, for people. */
  readonly since: string;
  /** Name of the socket that the holder has, too; null without one. */
  readonly socket: string | null;
  /**
   * The operating system's number of the holder's thread, for people; left out where it is not
   * known.
   */
  readonly thread?: number | undefined;
  /**
   * Whether other processes may use the pool through its holder; left out where that is unknown.
   */
  readonly processes?: boolean | undefined;
}

/** A lock file or claim as it was read. */
export interface SeenFile {
  /** Never comes again. */
  readonly identity: string;
  /** Undefined if the file does not say. */
  readonly holder: LockHolder | undefined;
  readonly modifiedMs: number;
}

/** Longest lock file that is looked at; a whole one has about 300 bytes. */
const FILE_BYTES_MAX = 1024;
/** Reads a lock file or claim; undefined if there is none. */
export function readLock(files: FileSystem, path: string): SeenFile | undefined {
  return withPathError(path, () => {
    const file = openForRead(files, path);
    if (file === undefined) return undefined;
    try {
      const { kind, inode, modifiedMs } = files.infoOf(file);
      if (kind !== "file") {
        throw new Error(
          `it must be a file, got ${kind === "directory" ? "a directory" : "something else"}`,
        );
      }
      const bytes = new Uint8Array(FILE_BYTES_MAX);
      const length = readFully(files, file, bytes, 0);
      const holder = parseHolder(new TextDecoder().decode(bytes.subarray(0, length)));
      // In milliseconds: the runtimes differ in how much of the rest they pass on.
      const identity = holder?.token ?? `${inode}-${modifiedMs}`;
      return { identity, holder, modifiedMs: Number(modifiedMs) };
    } finally {
      files.close(file);
    }
  });
}

/** Undefined if there is no such file. */
function openForRead(files: FileSystem, path: string): number | undefined {
  try {
    return files.openForRead(path);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === "ENOENT") return undefined;
    if (code !== "ELOOP") throw error;
    throw new Error("it must be a file, got a symbolic link", { cause: error });
  }
}

/** Undefined for anything that no opening of a pool has written. */
function parseHolder(text: string): LockHolder | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { token, pid, startTime, bootId, directory, since, socket, thread, processes } =
    parsed as Record<
      string,
      unknown
    >;
  // A pid of 0 or less would be a group of processes.
  if (!Number.isInteger(pid) || (pid as number) < 1 || (pid as number) >= 2 ** 31) return undefined;
  // The token becomes a part of a file name.
  if (typeof token !== "string" || !/^[0-9a-f]{16}$/.test(token)) return undefined;
  if (typeof since !== "string" || !/^[0-9TZ:.+-]{1,40}$/.test(since)) return undefined;
  if (typeof startTime !== "string" && startTime !== null) return undefined;
  if (typeof bootId !== "string" && bootId !== null) return undefined;
  if (typeof directory !== "string") return undefined;
  if (typeof socket !== "string" && socket !== null) return undefined;
  if (thread !== undefined && typeof thread !== "number") return undefined;
  if (processes !== undefined && typeof processes !== "boolean") return undefined;
  return {
    token,
    pid: pid as number,
    startTime,
    bootId,
    directory,
    since,
    socket,
    thread,
    processes,
  };
}

/** Creates a file with a holder in it; false if there is one. */
export function writeNew(files: FileSystem, path: string, holder: LockHolder): boolean {
  let file: number;
  try {
    file = files.create(path);
  } catch (error) {
    if (systemCodeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    try {
      // Not synced: whatever a power loss leaves of it is stale, as it is of an earlier boot.
      writeFully(files, file, new TextEncoder().encode(`${JSON.stringify(holder)}\n`), 0);
    } finally {
      files.close(file);
    }
    return true;
  } catch (error) {
    removeQuietly(files, path);
    throw error;
  }
}
