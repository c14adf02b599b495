/**
 * The lock of a pool's directory: one opener at a time, on this machine.
 *
 * It has three parts, each for what the others do not see:
 *
 * - A **registry** of the directories that this thread has open, by device and inode, so that a
 *   symbolic link or another spelling of the path is the same pool. The directory stays open as
 *   long, so that its inode is not used again.
 * - On Linux a **socket**, see pool_socket.ts. The kernel gives it to one at a time, threads of one
 *   process included, and frees it when that one ends, however it does.
 * - The **lock file**, see lock_file.ts: for other systems, for processes on another runtime or in
 *   another network namespace, and to say which process has the pool open. It is safe without the
 *   socket; with it, there is no other opener to race with on the same runtime.
 *
 * What a store writes by path it writes only while the directory is the one that was locked
 * (held_files.ts): it may be moved, removed or replaced at any time.
 *
 * On a disk that is full there may be no room for a lock file. Where there is the socket, the
 * directory can be held without one, to read it; nothing is written then.
 *
 * What remains: without the socket, the lock of a thread that has ended counts as its process's, as
 * long as that runs; so does one whose directory was moved while it was open, and one of an earlier
 * process with the same pid where the system does not tell when a process was started. And any
 * process on the machine that knows device and inode can listen on the socket, which keeps the pool
 * closed.
 *
 * @module
 */
import { isDiskFull } from "../core/system_code.ts";
import { process } from "../platform/process.ts";
import { fillRandomly } from "../platform/random_bytes.ts";
import { epochMs, monotonicMs, sleep } from "../platform/runtime.ts";
import { thisThread } from "../platform/thread_identity.ts";
import { type FileSystem, nodeFileSystem } from "./file_system.ts";
import type { HeldDirectory } from "./held_files.ts";
import { describeHolder, lockedError, LockFile, readLockHolder } from "./lock_file.ts";
import type { LockHolder } from "./lock_holder.ts";
import { withPathError } from "./path_error.ts";
import { listen, type PoolSocket, socketName } from "./pool_socket.ts";
import { ownProcess } from "./process_identity.ts";

/** How a directory is locked. */
export interface PoolLockOptions {
  /** Where it is. @default the file system of the machine */
  readonly files?: FileSystem;
  /**
   * Whether a directory on a full disk may be held without a lock file, to be read only. @default
   * false
   */
  readonly mayOnlyRead?: boolean;
  /** Whether other processes may use the pool through this one. @default false */
  readonly processes?: boolean;
  /** False: as on a system without abstract sockets. */
  readonly useSocket?: boolean;
  /** False: as on a file system without hard links. */
  readonly useLinks?: boolean;
}

/** The directories that this thread has open, as device:inode. */
const heldDirectories = new Set<string>();

/** Enough that no two openings ever draw the same. */
const TOKEN_BYTES = 8;

/**
 * How long a socket is waited for of which no running process says that it has it. On a busy
 * machine one was seen to be there a little longer than its process.
 */
const UNNAMED_MS_MAX = 1000;
const ATTEMPT_MS = 5;

/** A directory that is open: no other directory has its device and inode. */
interface OpenDirectory {
  readonly files: FileSystem;
  readonly path: string;
  readonly descriptor: number;
  readonly device: bigint;
  readonly inode: bigint;
}

/** A pool's directory that no other opener can have. */
export class PoolLock {
  /** What is held, as the threads are told that write to it. */
  readonly held: HeldDirectory;
  /** Why there is no lock file, so that nothing may be written; undefined if there is one. */
  readonly fault: unknown;
  readonly #directory: OpenDirectory;
  readonly #socket: PoolSocket | undefined;
  readonly #file: LockFile;
  #released: Promise<void> | undefined;

  private constructor(
    directory: OpenDirectory,
    socket: PoolSocket | undefined,
    file: LockFile,
    token: string,
    fault: unknown,
  ) {
    const { path, device, inode } = directory;
    this.held = { path, device, inode, token: fault === undefined ? token : undefined };
    this.fault = fault;
    this.#directory = directory;
    this.#socket = socket;
    this.#file = file;
  }

  /**
   * Locks a directory, or refuses: at once, if the process that has it runs. Does not keep the
   * process alive.
   *
   * @throws {PoolLockedError} when it is open already: in another process, thread, or store of this
   *   thread
   * @throws {PathError} when it is not a directory, or its lock file cannot be read or written
   */
  static async acquire(path: string, options: PoolLockOptions = {}): Promise<PoolLock> {
    const { useSocket = process.platform === "linux", useLinks = true } = options;
    const { files = nodeFileSystem, mayOnlyRead = false, processes = false } = options;
    // Before the first await: opens of one thread see each other.
    const directory = withPathError(path, () => holdDirectory(files, path));
    let socket: PoolSocket | undefined;
    try {
      if (useSocket) socket = await takeSocket(directory);
      const holder = newHolder(directory, socket, processes);
      const file = new LockFile(files, path, holder, useLinks);
      const fault = takeFile(file, mayOnlyRead && socket !== undefined);
      return new PoolLock(directory, socket, file, holder.token, fault);
    } catch (error) {
      try {
        await socket?.close();
        letDirectoryGo(directory);
      } catch {
        // What has failed first is what the caller should know.
      }
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
    const directory = this.#directory;
    try {
      this.#file.remove();
    } finally {
      await this.#socket?.close();
      withPathError(directory.path, () => letDirectoryGo(directory));
    }
  }
}

/**
 * Takes a lock file; returns why there is none, if there is no room for it and it may be done
 * without.
 */
function takeFile(file: LockFile, mayOnlyRead: boolean): unknown {
  try {
    file.take();
    return undefined;
  } catch (error) {
    if (!mayOnlyRead || !isDiskFull(error)) throw error;
    return error;
  }
}

/** Opens a directory and registers it, unless this thread has it. */
function holdDirectory(files: FileSystem, path: string): OpenDirectory {
  const descriptor = files.openDirectory(path);
  try {
    const { device, inode } = files.infoOf(descriptor);
    const directory = { files, path, descriptor, device, inode };
    const name = nameOf(directory);
    if (heldDirectories.has(name)) {
      throw lockedError(path, "this thread has open, or is opening or closing");
    }
    heldDirectories.add(name);
    return directory;
  } catch (error) {
    files.close(descriptor);
    throw error;
  }
}

function letDirectoryGo(directory: OpenDirectory): void {
  heldDirectories.delete(nameOf(directory));
  directory.files.close(directory.descriptor);
}

function nameOf({ device, inode }: Pick<OpenDirectory, "device" | "inode">): string {
  return `${device}:${inode}`;
}

/**
 * Undefined where there is no such socket, and the lock file has to do. If no running process has
 * the lock file, the holder of the socket has ended, or is just opening or closing: the kernel is
 * about to free the socket, or the file names its holder soon.
 */
async function takeSocket(
  { files, path, device, inode }: OpenDirectory,
): Promise<PoolSocket | undefined> {
  const deadlineMs = monotonicMs() + UNNAMED_MS_MAX;
  for (;;) {
    const socket = await listen(socketName(device, inode), path);
    if (socket !== "in use") return socket === "unavailable" ? undefined : socket;
    const holder = readLockHolder(files, path);
    if (holder !== undefined || monotonicMs() > deadlineMs) {
      throw lockedError(path, describeHolder(holder));
    }
    await sleep(ATTEMPT_MS);
  }
}

function newHolder(
  directory: OpenDirectory,
  socket: PoolSocket | undefined,
  processes: boolean,
): LockHolder {
  const bytes = fillRandomly(new Uint8Array(TOKEN_BYTES));
  const token = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    ...ownProcess(),
    token,
    directory: nameOf(directory),
    since: new Date(epochMs()).toISOString(),
    socket: socket?.name ?? null,
    thread: thisThread().number || undefined,
    processes,
  };
}
