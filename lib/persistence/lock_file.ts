/**
 * The lock file of a pool: says which process has the pool open, and is taken over when that process has ended.
 *
 * ```text
 *   lock                     who has the pool open: one line of JSON, a LockHolder
 *   lock.new-<token>         draft of somebody who is opening it; is linked or renamed to the other names
 *   lock.claim-<identity>    who may replace the lock file, or claim, of that identity: the same line
 * ```
 *
 * A lock file comes into being whole: its draft is linked to the name, which fails if the name is taken. It goes when its
 * holder removes it, or by being replaced once the holder has ended. Each has an identity that never comes again:
 * the random token of its holder, or inode and time if it is not readable.
 *
 * Replacing is safe against any number of claimants, because of these rules:
 *
 * 1. Whoever wants to replace the lock file X first creates the claim on X, which fails if there is one. If the owner Y of
 *    that claim has ended, he creates the claim on Y instead, and so on. So at any time at most one living process may
 *    replace X: a claim is removed only by its owner, when he will not replace X any more, or when X is gone.
 * 2. With the claim in hand he reads the lock file again, and goes on only if it still is X. As X never comes again, a
 *    claim that was created after X had been replaced does no harm. As its holder has ended, nobody else removes X.
 * 3. He replaces X by renaming his draft, in one step: a reader sees X or the new holder, and neither half of one.
 *
 * A file that is not a readable LockHolder is therefore nobody's: a power loss or somebody's editor has made it, and it is
 * stale. Only on a file system without hard links do files come into being empty. There it is stale after
 * GARBAGE_MS, and a process that is paused for so long between two system calls, while another one opens the pool, would not
 * notice (the pool then has two holders). The socket of pool_lock.ts covers that case too, on Linux and within one runtime.
 *
 * A copy of the directory of an open pool holds a copy of its lock file. That names the directory, so it locks no other.
 *
 * What remains unsafe: processes that cannot see each other. Those of another machine (a network file system), or of another
 * container with pids of its own, count as ended. So the directory must not be shared between these.
 *
 * @module
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { PoolLockedError } from "../core/errors.ts";
import { epochMs } from "../core/runtime.ts";
import { nodeFileSystem, readFully, writeFully } from "./file_system.ts";
import {
  isLockHelperFile,
  LOCK_FILE,
  lockClaimFile,
  lockDraftFile,
  withPathError,
} from "./pool_directory.ts";
import { isSameProcess, livenessOf, ownProcess, type ProcessIdentity } from "./process_identity.ts";

/** Who has a pool open. */
export interface LockHolder extends ProcessIdentity {
  /** Drawn at random for this opening; 16 hexadecimal digits. */
  readonly token: string;
  /** Device and inode of the directory: a lock file that was copied to another one does not lock that. */
  readonly directory: string;
  /** When it was opened, for people. */
  readonly since: string;
  /** Name of the socket that the holder has, too; null without one. */
  readonly socket: string | null;
}

/** A lock file or claim as it was read. */
interface SeenFile {
  /** Never comes again. */
  readonly identity: string;
  /** Undefined if the file does not say. */
  readonly holder: LockHolder | undefined;
  readonly modifiedMs: number;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const OWNER_FILE = 0o600;
/** Longest lock file that is looked at; a whole one has about 300 bytes. */
const FILE_BYTES_MAX = 1024;
/** Attempts to take the lock file. One fails when somebody else opens or closes the pool at the same moment. */
const ATTEMPTS_MAX = 100;
/** Most claims on one another: each takes a process that has ended at the very moment at which it opened the pool. */
const CLAIM_CHAIN_MAX = 100;
/** Age from which a file that may have been empty while it was written is nobody's: far longer than writing it takes. */
const GARBAGE_MS = 10_000;

/** The lock file of one directory, for one holder. */
export class LockFile {
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
  constructor(directory: string, holder: LockHolder, useLinks: boolean) {
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
        writeNew(this.#draft, this.#holder);
        let attempt = 1;
        while (!this.#tryTake()) {
          if (++attempt > ATTEMPTS_MAX) {
            throw lockedError(this.#directory, describeHolder(undefined));
          }
        }
      } finally {
        removeIfThere(this.#draft);
      }
      try {
        this.#removeRemains();
        nodeFileSystem.syncDirectory(this.#directory);
      } catch (error) {
        // It must not say that this process has open what it could not open.
        removeIfThere(this.#path);
        throw error;
      }
    });
  }

  /** Removes the lock file, if it is this holder's. */
  remove(): void {
    withPathError(this.#path, () => {
      if (!this.#isOwn()) return;
      removeIfThere(this.#path);
      nodeFileSystem.syncDirectory(this.#directory);
    });
  }

  /** Returns false when somebody else has changed something meanwhile. */
  #tryTake(): boolean {
    if (this.#create(this.#path)) return this.#isOwn();
    const seen = readLock(this.#path);
    if (seen === undefined) return false;
    this.#assertStale(seen);
    const claim = this.#claim(seen);
    if (claim === undefined) return false;
    try {
      if (readLock(this.#path)?.identity !== seen.identity) return false;
      fs.renameSync(this.#draft, this.#path);
      return true;
    } finally {
      removeIfThere(claim);
    }
  }

  /** Creates the claim on a stale file; undefined when somebody else has changed something meanwhile. */
  #claim(stale: SeenFile): string | undefined {
    let { identity } = stale;
    for (let length = 1; length <= CLAIM_CHAIN_MAX; length++) {
      const path = join(this.#directory, lockClaimFile(identity));
      if (this.#create(path)) return path;
      const seen = readLock(path);
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
        fs.linkSync(this.#draft, path);
        return true;
      } catch (error) {
        if (codeOf(error) === "EEXIST") return false;
        // Not every file system has hard links; what else may be wrong is found out by writing.
      }
    }
    return writeNew(path, this.#holder);
  }

  #isOwn(): boolean {
    return readLock(this.#path)?.identity === this.#holder.token;
  }

  #assertStale(seen: SeenFile): void {
    if (!this.#isStale(seen)) throw lockedError(this.#directory, describeHolder(seen.holder));
  }

  #isStale({ holder, modifiedMs }: SeenFile): boolean {
    if (holder === undefined) return isOld(modifiedMs) || this.#hasLinks();
    if (this.#isVoid(holder)) return true;
    // A thread of this process, which may have ended by itself, or a process that this one may not ask about.
    const isUnclear = livenessOf(holder) === "unknown" || isSameProcess(holder, this.#holder);
    // Then the kernel has the answer: it has given the holder's socket to this thread.
    return isUnclear && holder.socket !== null && holder.socket === this.#holder.socket;
  }

  /** Whether a holder has ended, or is one of another directory, from which the file was copied. */
  #isVoid(holder: LockHolder): boolean {
    return holder.directory !== this.#holder.directory || livenessOf(holder) === "ended";
  }

  /** Whether the file system has hard links. */
  #hasLinks(): boolean {
    if (!this.#useLinks) return false;
    const probe = join(this.#directory, lockDraftFile(`${this.#holder.token}-probe`));
    try {
      fs.linkSync(this.#draft, probe);
      fs.unlinkSync(probe);
      return true;
    } catch {
      return false;
    }
  }

  /** Removes drafts and claims of processes that were killed while they opened the pool: the claims are void now. */
  #removeRemains(): void {
    for (const name of fs.readdirSync(this.#directory).filter(isLockHelperFile)) {
      const path = join(this.#directory, name);
      try {
        const seen = readLock(path);
        if (seen === undefined) continue;
        // One that is not readable may be somebody's draft, half written.
        const { holder, modifiedMs } = seen;
        const isVoid = holder === undefined ? isOld(modifiedMs) : this.#isVoid(holder);
        if (isVoid) removeIfThere(path);
      } catch {
        // It is in nobody's way, and the pool is open.
      }
    }
  }
}

/** The error about a pool that somebody else has open; `who` ends the sentence. */
export function lockedError(directory: string, who: string): PoolLockedError {
  return new PoolLockedError(
    `path must be of a pool that is not open anywhere else, got ${
      JSON.stringify(directory)
    }, which ${who}`,
  );
}

/** Who has a pool open, as far as known, for {@linkcode lockedError}. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return "another process has open, or is opening or closing";
  const isHere = isSameProcess(holder, ownProcess());
  const who = isHere ? "another thread of this process" : `process ${holder.pid}`;
  return `${who} has had open since ${holder.since}`;
}

/** Who has the pool open according to the lock file; undefined if it is nobody, or not known. */
export function readLockHolder(directory: string): LockHolder | undefined {
  try {
    const holder = readLock(join(directory, LOCK_FILE))?.holder;
    return holder === undefined || livenessOf(holder) === "ended" ? undefined : holder;
  } catch {
    return undefined;
  }
}

/** Reads a lock file or claim; undefined if there is none. */
function readLock(path: string): SeenFile | undefined {
  return withPathError(path, () => {
    const file = openForRead(path);
    if (file === undefined) return undefined;
    try {
      const stat = fs.fstatSync(file, { bigint: true });
      if (!stat.isFile()) {
        const kind = stat.isDirectory() ? "a directory" : "something else";
        throw new Error(`it must be a file, got ${kind}`);
      }
      const bytes = new Uint8Array(FILE_BYTES_MAX);
      const length = readFully(nodeFileSystem, file, bytes, 0);
      const holder = parseHolder(new TextDecoder().decode(bytes.subarray(0, length)));
      // In milliseconds: the runtimes differ in how much of the rest they pass on.
      const identity = holder?.token ?? `${stat.ino}-${stat.mtimeMs}`;
      return { identity, holder, modifiedMs: Number(stat.mtimeMs) };
    } finally {
      fs.closeSync(file);
    }
  });
}

/** Undefined if there is no such file. */
function openForRead(path: string): number | undefined {
  try {
    // Without waiting for the other end, should it be a pipe.
    return fs.openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) !== "ELOOP") throw error;
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
  const { token, pid, startTime, bootId, directory, since, socket } = parsed as Record<
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
  return { token, pid: pid as number, startTime, bootId, directory, since, socket };
}

/** Creates a file with a holder in it; false if there is one. */
function writeNew(path: string, holder: LockHolder): boolean {
  let file: number;
  try {
    file = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), OWNER_FILE);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    writeFully(nodeFileSystem, file, new TextEncoder().encode(`${JSON.stringify(holder)}\n`), 0);
    nodeFileSystem.sync(file);
    return true;
  } catch (error) {
    removeIfThere(path);
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

function removeIfThere(path: string): void {
  fs.rmSync(path, { force: true });
}

/** A time in the future is as far from now as one in the past: the clock was set. */
function isOld(modifiedMs: number): boolean {
  return Math.abs(epochMs() - modifiedMs) >= GARBAGE_MS;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
