/**
 * All file access of the store, as one small interface: so that tests can run on a simulated disk
 * that fails, tears and forgets.
 *
 * Calls are synchronous, because they run on DPM processors, where blocking is what the thread is
 * for.
 *
 * @module
 */
import * as fs from "node:fs";
import { systemCodeOf, systemError } from "../core/system_code.ts";
import { isGranted } from "../platform/deno_permissions.ts";

/** What is known about a path, or about an open file. */
export interface FileInfo {
  readonly kind: "file" | "directory" | "other";
  /** Bytes of a file. */
  readonly size: number;
  /** Device and inode: of no two files at one time. */
  readonly device: bigint;
  /** See {@linkcode device}. */
  readonly inode: bigint;
  /** When its contents were changed, in milliseconds since the epoch. */
  readonly modifiedMs: bigint;
}

/** The operations that the store needs. All throw system errors with a `code`. */
export interface FileSystem {
  /** Opens an existing file for reading; does not wait for the other end of a pipe. */
  openForRead(path: string): number;
  /** Opens an existing file for reading and writing. */
  openForUpdate(path: string): number;
  /** Opens a directory, so that its inode stays its own. */
  openDirectory(path: string): number;
  /** Creates a file, readable by its owner only; EEXIST if there is something of that name. */
  create(path: string): number;
  /** Gives a file a second name; EEXIST if there is something of that name. */
  link(from: string, to: string): void;
  /** Reads up to `bytes.length` bytes at `position`; returns how many were read, 0 at the end. */
  read(file: number, bytes: Uint8Array, position: number): number;
  /** Writes up to `bytes.length` bytes at `position`; returns how many were written. */
  write(file: number, bytes: Uint8Array, position: number): number;
  /** Shortens a file to so many bytes. */
  truncate(file: number, byteLength: number): void;
  /** Makes everything written to the file durable. */
  sync(file: number): void;
  /** Closes a file. */
  close(file: number): void;
  /** Replaces `to` by `from` in one step. */
  rename(from: string, to: string): void;
  /** Removes a file. */
  unlink(path: string): void;
  /**
   * Creates a directory in one that exists, accessible by its owner only; no error if it exists.
   */
  makeDirectory(path: string): void;
  /** Makes the entries of a directory durable. */
  syncDirectory(path: string): void;
  /** Lists the names in a directory. */
  list(path: string): string[];
  /** Describes a path; undefined if there is nothing. */
  info(path: string): FileInfo | undefined;
  /** Describes an open file or directory. */
  infoOf(file: number): FileInfo;
  /** Throws if the directory cannot be written to. */
  assertWritable(path: string): void;
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, W_OK, X_OK } = fs.constants;
const OWNER_FILE = 0o600;
const OWNER_DIRECTORY = 0o700;

/** The file system of the machine, through `node:fs`. */
export const nodeFileSystem: FileSystem = {
  openForRead: (path) => fs.openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0)),
  openForUpdate: (path) => fs.openSync(path, O_RDWR | (O_NOFOLLOW ?? 0)),
  openDirectory: (path) => fs.openSync(path, O_RDONLY),
  create: (path) => fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), OWNER_FILE),
  link: (from, to) => fs.linkSync(from, to),
  read: (file, bytes, position) => fs.readSync(file, bytes, 0, bytes.length, position),
  write: (file, bytes, position) => fs.writeSync(file, bytes, 0, bytes.length, position),
  truncate: (file, byteLength) => fs.ftruncateSync(file, byteLength),
  sync: (file) => fs.fdatasyncSync(file),
  close: (file) => fs.closeSync(file),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  makeDirectory(path) {
    try {
      // Not recursive: that never returns on Node where nothing can be created, as in /proc.
      fs.mkdirSync(path, { mode: OWNER_DIRECTORY });
    } catch (error) {
      if (nodeFileSystem.info(path)?.kind !== "directory") throw error;
    }
  },
  syncDirectory(path) {
    const directory = fs.openSync(path, O_RDONLY);
    try {
      fs.fsyncSync(directory);
    } finally {
      fs.closeSync(directory);
    }
  },
  list: (path) => fs.readdirSync(path),
  info(path) {
    const stat = fs.statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat && infoFrom(stat);
  },
  infoOf: (file) => infoFrom(fs.fstatSync(file, { bigint: true })),
  assertWritable(path) {
    // Deno compares with the user's number. Without it, what is written says whether it may be.
    if (isGranted({ name: "sys", kind: "uid" })) fs.accessSync(path, W_OK | X_OK);
  },
};

function infoFrom(stat: fs.BigIntStats): FileInfo {
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other",
    size: Number(stat.size),
    device: stat.dev,
    inode: stat.ino,
    modifiedMs: stat.mtimeMs,
  };
}

/**
 * Creates a file in the place of whatever has its name, which is never written through: it may be a
 * second name of something else.
 */
export function createAnew(files: FileSystem, path: string): number {
  try {
    return files.create(path);
  } catch (error) {
    if (systemCodeOf(error) !== "EEXIST") throw error;
  }
  removeIfThere(files, path);
  return files.create(path);
}

/**
 * Creates a file, has it filled, and syncs it. If that fails it is removed: a disk that is full may
 * have room again by that.
 */
export function fillFile(files: FileSystem, path: string, fill: (file: number) => void): void {
  const file = createAnew(files, path);
  try {
    try {
      fill(file);
      files.sync(file);
    } finally {
      files.close(file);
    }
  } catch (error) {
    removeQuietly(files, path);
    throw error;
  }
}

/** Removes a file, if it is there. */
export function removeIfThere(files: FileSystem, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT") throw error;
  }
}

/** Removes a file of a failure that is about to be reported, and says nothing of its own. */
export function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.unlink(path);
  } catch {
    // It was not there, or the disk is as broken as the failure says.
  }
}

/** Bytes of one system call: larger ones gain nothing, and this bounds how long one blocks. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Writes all of `bytes`, however short the single writes are (Bun's can be). */
export function writeFully(
  files: FileSystem,
  file: number,
  bytes: Uint8Array,
  position: number,
): void {
  for (let done = 0; done < bytes.length;) {
    const end = Math.min(bytes.length, done + CHUNK_BYTES);
    // Most are written at once, and short: another view of them would cost a share of that.
    const part = end - done === bytes.length ? bytes : bytes.subarray(done, end);
    const written = files.write(file, part, position + done);
    if (written <= 0) {
      throw systemError("EIO", `a write made no progress at byte ${position + done}`);
    }
    done += written;
  }
}

/** Fills `bytes` from a file; returns how many bytes there were. */
export function readFully(
  files: FileSystem,
  file: number,
  bytes: Uint8Array,
  position: number,
): number {
  let done = 0;
  while (done < bytes.length) {
    const end = Math.min(bytes.length, done + CHUNK_BYTES);
    const count = files.read(file, bytes.subarray(done, end), position + done);
    if (count <= 0) break;
    done += count;
  }
  return done;
}
