/**
 * The lock file of a pool: says which process has the pool open, and is taken over when that
 * process has ended.
 *
 * ```text
 *   lock                     which process has the pool open: one line of JSON, a LockHolder
 *   lock.new-<token>         draft of an opener; is linked or renamed to the other names
 *   lock.claim-<identity>    which opener may replace the file of that identity: the same line
 * ```
 *
 * A lock file comes into being whole: its draft is linked to the name, which fails if the name is
 * taken. It goes when its holder removes it, or by being replaced once the holder has ended. Each
 * has an identity that never comes again: the random token of its holder, or inode and time if it
 * is not readable.
 *
 * Replacing is safe against any number of claimants, because of these rules:
 *
 * 1. An opener that wants to replace the lock file X first creates the claim on X, which fails if
 *    there is one. If the owner Y of that claim has ended, it creates the claim on Y instead, and
 *    so on. So at any time at most one living process may replace X: a claim is removed only by its
 *    owner, when that one will not replace X any more, or when X is gone.
 * 2. With the claim in hand the opener reads the lock file again, and goes on only if it still is
 *    X. As X never comes again, a claim that was created after X had been replaced does no harm. As
 *    its holder has ended, no other process removes X.
 * 3. It replaces X by renaming its draft, in one step: a reader sees X or the new holder, and
 *    neither half of one.
 *
 * A file that is not a readable LockHolder has therefore no owner: a power loss or an editor has
 * made it, and it is stale. Only on a file system without hard links do files come into being
 * empty. There it is stale after GARBAGE_MS, and a process that is paused for so long between two
 * system calls, while another one opens the pool, would not notice (the pool then has two holders).
 * The socket of pool_lock.ts covers that case too, on Linux and within one runtime.
 *
 * A copy of the directory of an open pool holds a copy of its lock file. That names the directory,
 * so it locks no other.
 *
 * What remains unsafe: processes that cannot see each other. Those of another machine (a network
 * file system), or of another container with pids of its own, count as ended. So the directory must
 * not be shared between these.
 *
 * @module
 */
import { join } from "node:path";
import { PoolLockedError } from "../core/errors.ts";
import { systemCodeOf } from "../core/system_code.ts";
import { epochMs } from "../platform/runtime.ts";
import { thisThread } from "../platform/thread_identity.ts";
import { type FileSystem, removeIfThere, removeQuietly } from "./file_system.ts";
import { type LockHolder, readLock, type SeenFile, writeNew } from "./lock_holder.ts";
import { withPathError } from "./path_error.ts";
import { isLockHelperFile, LOCK_FILE, lockClaimFile, lockDraftFile } from "./pool_directory.ts";
import { isSameProcess, livenessOf, ownProcess } from "./process_identity.ts";

/**
 * Attempts to take the lock file. One fails when another process or thread opens or closes the pool
 * at the same moment.
 */
const ATTEMPTS_MAX = 100;
/**
 * Most claims on one another: each takes a process that has ended at the very moment at which it
 * opened the pool.
 */
const CLAIM_CHAIN_MAX = 100;
/**
 * Age from which a file that may have been empty while it was written has no owner: far longer than
 * writing it takes.
 */
const GARBAGE_MS = 10_000;

/** Tokens of lock files that this thread could not remove when it let go of their pools. */
const leftBehind = new Set<string>();

/** The lock file of one directory, for one holder. */
export class LockFile {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #path: string;
  readonly #draft: string;
  readonly #holder: LockHolder;
  readonly #useLinks: boolean;

  /**
   * Prepares to take the lock file; does nothing yet.
   *
   * @param useLinks false for file systems without hard links
   */
  constructor(files: FileSystem, directory: string, holder: LockHolder, useLinks: boolean) {
    this.#files = files;
    this.#directory = directory;
    this.#path = join(directory, LOCK_FILE);
    this.#draft = join(directory, lockDraftFile(holder.token));
    this.#holder = holder;
    this.#useLinks = useLinks;
  }

  /**
   * Takes the lock file. Does not wait.
   *
   * @throws {PoolLockedError} when another process has the pool open
   * @throws {PathError} when a file operation fails
   */
  take(): void {
    withPathError(this.#path, () => {
      try {
        writeNew(this.#files, this.#draft, this.#holder);
        let attempt = 1;
        while (!this.#tryTake()) {
          if (++attempt > ATTEMPTS_MAX) {
            throw lockedError(this.#directory, describeHolder(undefined));
          }
        }
        removeIfThere(this.#files, this.#draft);
        this.#removeRemains();
      } catch (error) {
        // Neither may say that this process has open what it could not open.
        removeQuietly(this.#files, this.#draft);
        this.#giveUp();
        throw error;
      }
    });
  }

  /** Removes the lock file, if it is this holder's. */
  remove(): void {
    // Should it stay there: no opener in this thread takes it for a holder's.
    leftBehind.add(this.#holder.token);
    withPathError(this.#path, () => {
      if (this.#isOwn()) {
        removeIfThere(this.#files, this.#path);
        this.#files.syncDirectory(this.#directory);
      }
    });
    leftBehind.delete(this.#holder.token);
  }

  /** Removes the lock file, if it is this holder's, and says nothing if that fails. */
  #giveUp(): void {
    try {
      this.remove();
    } catch {
      // What has failed first is what counts.
    }
  }

  /** Returns false when another opener has changed something meanwhile. */
  #tryTake(): boolean {
    if (this.#create(this.#path)) return this.#isOwn();
    const seen = readLock(this.#files, this.#path);
    if (seen === undefined) return false;
    this.#assertStale(seen);
    const claim = this.#claim(seen);
    if (claim === undefined) return false;
    try {
      if (readLock(this.#files, this.#path)?.identity !== seen.identity) return false;
      this.#files.rename(this.#draft, this.#path);
      return true;
    } finally {
      removeIfThere(this.#files, claim);
    }
  }

  /**
   * Creates the claim on a stale file; undefined when another opener has changed something
   * meanwhile.
   */
  #claim(stale: SeenFile): string | undefined {
    let { identity } = stale;
    for (let length = 1; length <= CLAIM_CHAIN_MAX; length++) {
      const path = join(this.#directory, lockClaimFile(identity));
      if (this.#create(path)) return path;
      const seen = readLock(this.#files, path);
      if (seen === undefined) return undefined;
      this.#assertStale(seen);
      identity = seen.identity;
    }
    throw new Error(`there must be at most ${CLAIM_CHAIN_MAX} claims on one lock file`);
  }

  /** Creates a file with this holder in it; false if there is one. */
  #create(path: string): boolean {
    if (this.#useLinks) {
      try {
        this.#files.link(this.#draft, path);
        return true;
      } catch (error) {
        if (systemCodeOf(error) === "EEXIST") return false;
        // Not every file system has hard links; what else may be wrong is found out by writing.
      }
    }
    return writeNew(this.#files, path, this.#holder);
  }

  #isOwn(): boolean {
    return readLock(this.#files, this.#path)?.identity === this.#holder.token;
  }

  #assertStale(seen: SeenFile): void {
    if (!this.#isStale(seen)) throw lockedError(this.#directory, describeHolder(seen.holder));
  }

  #isStale({ holder, modifiedMs }: SeenFile): boolean {
    if (holder === undefined) return isOld(modifiedMs) || this.#hasLinks();
    if (isVoid(holder, this.#holder.directory)) return true;
    // When it is unclear the kernel has the answer: it has given the holder's socket to this
    // thread.
    return isUnclear(holder) && holder.socket !== null && holder.socket === this.#holder.socket;
  }

  /** Whether the file system has hard links. */
  #hasLinks(): boolean {
    if (!this.#useLinks) return false;
    const probe = join(this.#directory, lockDraftFile(`${this.#holder.token}-probe`));
    try {
      this.#files.link(this.#draft, probe);
      this.#files.unlink(probe);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Removes drafts and claims of processes that were killed while they opened the pool: the claims
   * are void now.
   */
  #removeRemains(): void {
    for (const name of this.#files.list(this.#directory).filter(isLockHelperFile)) {
      const path = join(this.#directory, name);
      try {
        const seen = readLock(this.#files, path);
        if (seen === undefined) continue;
        // One that is not readable may be another opener's draft, half written.
        const { holder, modifiedMs } = seen;
        const { directory } = this.#holder;
        const isLeft = holder === undefined ? isOld(modifiedMs) : isVoid(holder, directory);
        if (isLeft) removeIfThere(this.#files, path);
      } catch {
        // It is in no opener's way, and the pool is open.
      }
    }
  }
}

/** The error about a pool that is open elsewhere; `who` says where, and ends the sentence. */
export function lockedError(directory: string, who: string): PoolLockedError {
  return new PoolLockedError(
    `path must be of a pool that is not open anywhere else, got ${
      JSON.stringify(directory)
    }, which ${who}; opened with processes: true by each of them, several can use it at one time`,
  );
}

/** Which process has a pool open, as far as known, for {@linkcode lockedError}. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return "another process has open, or is opening or closing";
  return `${nameOf(holder)} has had open since ${holder.since}`;
}

function nameOf(holder: LockHolder): string {
  if (!isSameProcess(holder, ownProcess())) return `process ${holder.pid}`;
  const { number } = thisThread();
  if (holder.thread === undefined || number === 0) return "this process";
  return holder.thread === number ? "this thread" : "another thread of this process";
}

/** The holder of the pool according to the lock file; undefined if there is none, or not known. */
export function readLockHolder(files: FileSystem, directory: string): LockHolder | undefined {
  try {
    const holder = readLock(files, join(directory, LOCK_FILE))?.holder;
    return holder === undefined || livenessOf(holder) === "ended" ? undefined : holder;
  } catch {
    return undefined;
  }
}

/**
 * Which opener has a pool according to its lock file, for those who take no lock: undefined if it
 * has certainly ended, or there is none.
 *
 * @param name of the directory, see {@linkcode LockHolder.directory}
 */
export function possibleHolder(
  files: FileSystem,
  directory: string,
  name: string,
): { readonly holder: LockHolder; readonly isUnclear: boolean } | undefined {
  const holder = readLock(files, join(directory, LOCK_FILE))?.holder;
  if (holder === undefined || isVoid(holder, name)) return undefined;
  return { holder, isUnclear: isUnclear(holder) };
}

/** Whether a holder has ended, or is one of another directory, from which the file was copied. */
function isVoid(holder: LockHolder, directory: string): boolean {
  return holder.directory !== directory || leftBehind.has(holder.token) ||
    livenessOf(holder) === "ended";
}

/**
 * Whether a holder is a thread of this process, which may have ended by itself, or a process that
 * this one may not ask about.
 */
function isUnclear(holder: LockHolder): boolean {
  return livenessOf(holder) === "unknown" || isSameProcess(holder, ownProcess());
}

/** Token of the lock file of a directory; undefined if there is none that can be read. */
export function readLockToken(files: FileSystem, directory: string): string | undefined {
  return readLock(files, join(directory, LOCK_FILE))?.holder?.token;
}

/** A time in the future is as far from now as one in the past: the clock was set. */
function isOld(modifiedMs: number): boolean {
  return Math.abs(epochMs() - modifiedMs) >= GARBAGE_MS;
}
