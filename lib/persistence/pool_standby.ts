/**
 * A pool that is restored ahead, while another process has it open: docs/protocols/standby.md says
 * why what is taken over is what an ordinary opening would have made.
 *
 * Nothing here writes a file or needs the lock, but for {@linkcode PoolStandby.takeOver}, which is
 * called by the thread's process when it has it.
 *
 * @module
 */
import { join } from "node:path";
import { CorruptionError, FormatError, PathError } from "../core/errors.ts";
import { systemCodeOf } from "../core/system_code.ts";
import { CHECKPOINT_HEADER_BYTES, CHECKPOINT_IMAGE } from "./checkpoint_layout.ts";
import { type FileSystem, readFully } from "./file_system.ts";
import { CHECKPOINT_FILE, imageFile, openPoolFile } from "./pool_directory.ts";
import {
  PoolRestore,
  type RequestedPool,
  type RestoredPool,
  type RestoreOptions,
} from "./snapshot_reader.ts";
import { VerifiedPairs } from "./verified_pairs.ts";

/** Records that are replayed ahead before their pairs are checked: it takes a look at all pairs. */
const UNCHECKED_RECORDS_MAX = 4096;

/** What a standby knows after it has looked. */
export interface StandbyReport {
  /** Whether the pool is in memory, as it was when it was looked at. */
  readonly isWarm: boolean;
  /** Why it is not: the files have changed meanwhile, or cannot be read. */
  readonly reason?: string | undefined;
  /** Whether a checkpoint was read, and records that were replayed behind it. */
  readonly hasReadCheckpoint: boolean;
  /** See {@linkcode hasReadCheckpoint}. */
  readonly records: number;
}

/** Restores one pool ahead. */
export class PoolStandby {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #requested: RequestedPool;
  readonly #options: RestoreOptions;
  readonly #verified = new VerifiedPairs();
  /** What is in memory, of whatever checkpoint. */
  #restore: PoolRestore | undefined;
  /** The checkpoint that all of it is of; undefined: what is in memory can only be gone on with. */
  #mark: string | undefined;
  #uncheckedRecords = 0;

  /** Reads nothing yet. */
  constructor(
    files: FileSystem,
    directory: string,
    requested: RequestedPool,
    options: RestoreOptions,
  ) {
    this.#files = files;
    this.#directory = directory;
    this.#requested = requested;
    this.#options = { ...options, isStandby: true };
  }

  /**
   * Reads what has changed in the files. An error of what is read is reported, not thrown: the
   * files may have been read in the middle of a change, and if not, the opening will meet it.
   */
  refresh(): StandbyReport {
    let hasReadCheckpoint = false;
    try {
      const mark = this.#markOf(this.#files);
      hasReadCheckpoint = mark !== this.#mark;
      if (hasReadCheckpoint) this.#restoreAnew(this.#files);
      const restore = this.#restore!;
      const records = restore.follow();
      this.#uncheckedRecords += records;
      // What was read may be of two checkpoints: it is not gone on with, but from the next one.
      if (this.#markOf(this.#files) !== mark) return this.#cold("the files have changed");
      this.#mark = mark;
      if (hasReadCheckpoint || this.#uncheckedRecords > UNCHECKED_RECORDS_MAX) this.#checkAhead();
      return { isWarm: true, hasReadCheckpoint, records };
    } catch (error) {
      if (!isOfFiles(error)) throw error;
      return this.#cold(String(error), hasReadCheckpoint);
    }
  }

  /**
   * Restores the pool as it is in the files now, under its lock; undefined when that has to be done
   * from the beginning. The standby cannot be used any more.
   *
   * @param files the files of the directory that is locked
   */
  takeOver(files: FileSystem): RestoredPool | undefined {
    try {
      const mark = this.#markOf(files);
      if (this.#restore === undefined) return undefined;
      if (mark !== this.#mark) this.#restoreAnew(files);
      // Frames that no sync has covered may be gone, if the disk has failed.
      else if (!this.#restore.isAsFollowed()) return undefined;
      const restore = this.#restore;
      restore.replay();
      const { pool, loaded, source: { checkpointPath }, mustCount } = restore;
      const check = restore.makeCheck();
      const found = this.#verified.checkAtEnd(pool, loaded!, checkpointPath, mustCount);
      check.checkRecords([found]);
      return restore.finish();
    } catch (error) {
      // An opening from the beginning says what is wrong, if anything is.
      if (isOfFiles(error)) return undefined;
      throw error;
    } finally {
      this.#restore = undefined;
    }
  }

  #restoreAnew(files: FileSystem): void {
    this.#mark = undefined;
    const { pool } = this.#restore ?? {};
    this.#restore = new PoolRestore(
      files,
      this.#directory,
      this.#requested,
      this.#options,
      this.#restore,
    );
    if (this.#restore.pool !== pool) this.#verified.forget();
    this.#uncheckedRecords = 0;
    this.#restore.load();
  }

  #checkAhead(): void {
    const { pool, loaded, source } = this.#restore!;
    // The tables were checked before the replay, which keeps them right.
    this.#verified.checkAhead(pool, loaded!, source.checkpointPath);
    this.#uncheckedRecords = 0;
  }

  #cold(reason: string, hasReadCheckpoint = true): StandbyReport {
    this.#mark = undefined;
    return { isWarm: false, reason, hasReadCheckpoint, records: 0 };
  }

  /**
   * What tells one checkpoint from every other: number and CRC are in its header; and the files
   * that it and its image are in.
   */
  #markOf(files: FileSystem): string {
    const path = join(this.#directory, CHECKPOINT_FILE);
    const header = new Uint8Array(CHECKPOINT_HEADER_BYTES);
    const file = openPoolFile(files, path);
    try {
      readFully(files, file, header, 0);
      const { device, inode } = files.infoOf(file);
      const number = new DataView(header.buffer).getUint32(CHECKPOINT_IMAGE, true);
      const image = files.info(join(this.#directory, imageFile(number)));
      return `${device}:${inode} ${image?.device}:${image?.inode} ${header.join(" ")}`;
    } finally {
      files.close(file);
    }
  }
}

/** Whether an error is of what was read, and not of this program. */
function isOfFiles(error: unknown): boolean {
  return error instanceof CorruptionError || error instanceof FormatError ||
    error instanceof PathError || systemCodeOf(error) !== undefined;
}
