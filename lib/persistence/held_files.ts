/**
 * The files of a directory that is held: what is written by path is written there, or not at all.
 *
 * A directory may be moved, removed or replaced while a store has it open, and its path may lead to
 * another pool by then, which another store has open. That one's checkpoint must not be replaced,
 * nor its images removed. So before anything is created, renamed or removed, and before and after
 * anything is opened, it is made sure that the path still leads to the directory that was locked,
 * by device and inode, which no other directory has as long as the lock has it open; and that its
 * lock file is still the holder's own, by its token. If not, the call fails with ESTALE, or with
 * ENOENT if there is nothing at the path.
 *
 * Between looking and acting there are some microseconds. No runtime can name a file by the handle
 * of its directory, so they stay.
 *
 * @module
 */
import { systemError } from "../core/system_code.ts";
import type { FileInfo, FileSystem } from "./file_system.ts";
import { readLockToken } from "./lock_file.ts";

/** A directory that was locked; structured-cloneable. */
export interface HeldDirectory {
  readonly path: string;
  /** Of the directory. */
  readonly device: bigint;
  /** See {@linkcode device}. */
  readonly inode: bigint;
  /** Of its lock file; undefined if there was no room for one, so that nothing may be written. */
  readonly token: string | undefined;
}

/** The files of a held directory, or all files where none is held. */
export function heldFiles(files: FileSystem, held: HeldDirectory | undefined): FileSystem {
  return held === undefined ? files : new HeldFiles(files, held);
}

/** A file system whose changes are refused once the directory is another one. */
class HeldFiles implements FileSystem {
  readonly #files: FileSystem;
  readonly #held: HeldDirectory;

  constructor(files: FileSystem, held: HeldDirectory) {
    this.#files = files;
    this.#held = held;
  }

  openForRead(path: string): number {
    return this.#open(() => this.#files.openForRead(path));
  }

  openForUpdate(path: string): number {
    return this.#open(() => this.#files.openForUpdate(path));
  }

  openDirectory(path: string): number {
    return this.#open(() => this.#files.openDirectory(path));
  }

  create(path: string): number {
    this.#assertHeld();
    return this.#files.create(path);
  }

  link(from: string, to: string): void {
    this.#assertHeld();
    this.#files.link(from, to);
  }

  read(file: number, bytes: Uint8Array, position: number): number {
    return this.#files.read(file, bytes, position);
  }

  write(file: number, bytes: Uint8Array, position: number): number {
    return this.#files.write(file, bytes, position);
  }

  truncate(file: number, byteLength: number): void {
    this.#files.truncate(file, byteLength);
  }

  sync(file: number): void {
    this.#files.sync(file);
  }

  close(file: number): void {
    this.#files.close(file);
  }

  rename(from: string, to: string): void {
    this.#assertHeld();
    this.#files.rename(from, to);
  }

  unlink(path: string): void {
    this.#assertHeld();
    this.#files.unlink(path);
  }

  makeDirectory(path: string): void {
    this.#assertHeld();
    this.#files.makeDirectory(path);
  }

  syncDirectory(path: string): void {
    this.#assertHeld();
    this.#files.syncDirectory(path);
  }

  list(path: string): string[] {
    return this.#files.list(path);
  }

  info(path: string): FileInfo | undefined {
    return this.#files.info(path);
  }

  infoOf(file: number): FileInfo {
    return this.#files.infoOf(file);
  }

  assertWritable(path: string): void {
    this.#files.assertWritable(path);
  }

  /**
   * Opens a file of the directory: it was in there if the directory is the same before and after.
   */
  #open(open: () => number): number {
    this.#assertSame();
    const file = open();
    try {
      this.#assertSame();
      return file;
    } catch (error) {
      this.#files.close(file);
      throw error;
    }
  }

  #assertHeld(): void {
    this.#assertSame();
    const { path, token } = this.#held;
    if (token === undefined) {
      throw systemError("ENOSPC", `there was no room for a lock file in ${JSON.stringify(path)}`);
    }
    if (readLockToken(this.#files, path) === token) return;
    throw systemError(
      "ESTALE",
      `the lock file in ${JSON.stringify(path)} is not the one of this store any more: ` +
        "it was removed or replaced while the store was open",
    );
  }

  #assertSame(): void {
    const { path, device, inode } = this.#held;
    const info = this.#files.info(path);
    if (info === undefined) {
      throw systemError(
        "ENOENT",
        `the directory that was opened is not at ${JSON.stringify(path)} any more: ` +
          "it was moved or removed while the store was open",
      );
    }
    if (info.device === device && info.inode === inode) return;
    throw systemError(
      "ESTALE",
      `the directory at ${JSON.stringify(path)} is not the one that was opened: ` +
        "that was moved, removed or replaced while the store was open",
    );
  }
}
