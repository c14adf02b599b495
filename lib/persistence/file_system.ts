/**
 * All file access of the store, as one small interface: so that tests can run on a simulated disk that fails, tears
 * and forgets.
 *
 * Calls are synchronous, because they run on DPM processors, where blocking is what the thread is for.
 *
 * @module
 */
import * as fs from "node:fs";

/** What is known about a path. */
export interface FileInfo {
  readonly kind: "file" | "directory" | "other";
  /** Bytes of a file. */
  readonly size: number;
}

/** The operations that the store needs. All throw system errors with a `code`. */
export interface FileSystem {
  /** Opens an existing file for reading. */
  openForRead(path: string): number;
  /** Opens an existing file for reading and writing. */
  openForUpdate(path: string): number;
  /** Creates a file, or empties an existing one, readable by its owner only. */
  create(path: string): number;
  /** Reads up to `bytes.length` bytes at `position`; returns how many were read, 0 at the end. */
  read(file: number, bytes: Uint8Array, position: number): number;
  /** Writes up to `bytes.length` bytes at `position`; returns how many were written. */
  write(file: number, bytes: Uint8Array, position: number): number;
  /** Makes everything written to the file durable. */
  sync(file: number): void;
  /** Closes a file. */
  close(file: number): void;
  /** Replaces `to` by `from` in one step. */
  rename(from: string, to: string): void;
  /** Removes a file. */
  unlink(path: string): void;
  /** Creates a directory and its parents, accessible by its owner only; no error if it exists. */
  makeDirectory(path: string): void;
  /** Makes the entries of a directory durable. */
  syncDirectory(path: string): void;
  /** Lists the names in a directory. */
  list(path: string): string[];
  /** Describes a path; undefined if there is nothing. */
  info(path: string): FileInfo | undefined;
  /** Throws if the directory cannot be written to. */
  assertWritable(path: string): void;
}

const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW, W_OK, X_OK } = fs.constants;
const OWNER_FILE = 0o600;
const OWNER_DIRECTORY = 0o700;

/** The file system of the machine, through `node:fs`. */
export const nodeFileSystem: FileSystem = {
  openForRead: (path) => fs.openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0)),
  openForUpdate: (path) => fs.openSync(path, O_RDWR | (O_NOFOLLOW ?? 0)),
  create: (path) => fs.openSync(path, O_RDWR | O_CREAT | O_TRUNC | (O_NOFOLLOW ?? 0), OWNER_FILE),
  read: (file, bytes, position) => fs.readSync(file, bytes, 0, bytes.length, position),
  write: (file, bytes, position) => fs.writeSync(file, bytes, 0, bytes.length, position),
  sync: (file) => fs.fdatasyncSync(file),
  close: (file) => fs.closeSync(file),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  makeDirectory: (path) => void fs.mkdirSync(path, { recursive: true, mode: OWNER_DIRECTORY }),
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
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const kind = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
    return { kind, size: stat.size };
  },
  assertWritable: (path) => fs.accessSync(path, W_OK | X_OK),
};

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
    const written = files.write(file, bytes.subarray(done, end), position + done);
    if (written <= 0) throw new Error(`write made no progress at byte ${position + done}`);
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
