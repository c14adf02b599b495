/**
 * The lock of a pool's directory: one opener at a time, on this machine.
 *
 * It has three parts, each for what the others do not see:
 *
 * - A **registry** of the directories that this thread has open, by device and inode, so that a symbolic link or another
 *   spelling of the path is the same pool. The directory stays open as long, so that its inode is not used again.
 * - On Linux a **socket**, see pool_socket.ts. The kernel gives it to one at a time, threads of one process included, and
 *   frees it when that one ends, however it does.
 * - The **lock file**, see lock_file.ts: for other systems, for processes on another runtime or in another network namespace,
 *   and to say who it is. It is safe without the socket; with it, there is nobody to race with on the same runtime.
 *
 * What remains: without the socket, the lock of a thread that has ended counts as its process's, as long as that runs; so does
 * one whose directory was moved while it was open, and one of an earlier process with the same pid where the system does
 * not tell when a process was started. And anybody on the machine who knows device and inode can listen on the
 * socket, which keeps the pool closed.
 *
 * @module
 */
import * as fs from "node:fs";
import process from "node:process";
import { epochMs } from "../core/runtime.ts";
import {
  describeHolder,
  lockedError,
  LockFile,
  type LockHolder,
  readLockHolder,
} from "./lock_file.ts";
import { withPathError } from "./pool_directory.ts";
import { listen, type PoolSocket, socketName } from "./pool_socket.ts";
import { ownProcess } from "./process_identity.ts";

/** For tests: parts of the lock that can be left out. */
export interface PoolLockOptions {
  /** False: as on a system without abstract sockets. */
  readonly useSocket?: boolean;
  /** False: as on a file system without hard links. */
  readonly useLinks?: boolean;
}

/** The directories that this thread has open, as device:inode. */
const heldDirectories = new Set<string>();

/** Enough that no two openings ever draw the same. */
const TOKEN_BYTES = 8;

/** A directory that is open: its device and inode are nobody else's. */
interface OpenDirectory {
  readonly descriptor: number;
  readonly device: bigint;
  readonly inode: bigint;
}

/** A pool's directory that nobody else can open. */
export class PoolLock {
  readonly #directory: OpenDirectory;
  readonly #socket: PoolSocket | undefined;
  readonly #file: LockFile;
  #released: Promise<void> | undefined;

  private constructor(directory: OpenDirectory, socket: PoolSocket | undefined, file: LockFile) {
    this.#directory = directory;
    this.#socket = socket;
    this.#file = file;
  }

  /**
   * Locks a directory, or refuses at once. Does not keep the process alive.
   *
   * @throws {PoolLockedError} when somebody else has it open: another process, thread, or store of this thread
   * @throws {PathError} when it is not a directory, or its lock file cannot be read or written
   */
  static async acquire(path: string, options: PoolLockOptions = {}): Promise<PoolLock> {
    const { useSocket = process.platform === "linux", useLinks = true } = options;
    // Before the first await: opens of one thread see each other.
    const directory = withPathError(path, () => holdDirectory(path));
    let socket: PoolSocket | undefined;
    try {
      if (useSocket) socket = await takeSocket(path, directory);
      const file = new LockFile(path, newHolder(directory, socket), useLinks);
      file.take();
      return new PoolLock(directory, socket, file);
    } catch (error) {
      await socket?.close();
      letDirectoryGo(directory);
      throw error;
    }
  }

  /**
   * Lets others open the directory. A second call returns the same promise.
   *
   * @throws {PathError} when the lock file cannot be removed; the rest is released all the same
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    try {
      this.#file.remove();
    } finally {
      await this.#socket?.close();
      letDirectoryGo(this.#directory);
    }
  }
}

/** Opens a directory and registers it, unless this thread has it. */
function holdDirectory(path: string): OpenDirectory {
  const descriptor = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    const { dev: device, ino: inode } = fs.fstatSync(descriptor, { bigint: true });
    const directory = { descriptor, device, inode };
    const name = nameOf(directory);
    if (heldDirectories.has(name)) {
      throw lockedError(path, "this thread has open, or is opening or closing");
    }
    heldDirectories.add(name);
    return directory;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

function letDirectoryGo(directory: OpenDirectory): void {
  heldDirectories.delete(nameOf(directory));
  fs.closeSync(directory.descriptor);
}

function nameOf({ device, inode }: OpenDirectory): string {
  return `${device}:${inode}`;
}

/** Undefined where there is no such socket, and the lock file has to do. */
async function takeSocket(
  path: string,
  { device, inode }: OpenDirectory,
): Promise<PoolSocket | undefined> {
  const socket = await listen(socketName(device, inode));
  if (socket === "in use") throw lockedError(path, describeHolder(readLockHolder(path)));
  return socket === "unavailable" ? undefined : socket;
}

function newHolder(directory: OpenDirectory, socket: PoolSocket | undefined): LockHolder {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  const token = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    ...ownProcess(),
    token,
    directory: nameOf(directory),
    since: new Date(epochMs()).toISOString(),
    socket: socket?.name ?? null,
  };
}
