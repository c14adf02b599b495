/**
 * How an opener finds the process that has a pool open, or becomes it.
 *
 * The opener that gets the lock of the pool's directory is the host; the others connect to it.
 * Between the two there may be nobody who answers: the host is just opening, or has just ended. So
 * an opener tries one after the other until one of them works, for a limited time.
 *
 * @module
 */
import { PoolLockedError, UnavailableError } from "../core/errors.ts";
import { HOST_WAIT_MS_MAX } from "../core/limits.ts";
import type { Hello } from "../gateway/handshake.ts";
import { HostConnection } from "../gateway/host_connection.ts";
import { nodeFileSystem } from "../persistence/file_system.ts";
import { describeHolder, lockedError, readLockHolder } from "../persistence/lock_file.ts";
import type { LockHolder } from "../persistence/lock_holder.ts";
import { isSameProcess, livenessOf, ownProcess } from "../persistence/process_identity.ts";
import { monotonicMs, sleep } from "../platform/runtime.ts";

/** Shortest and longest wait between two attempts to connect. */
const ATTEMPT_MS_MIN = 2;
const ATTEMPT_MS_MAX = 50;
/**
 * Wait between two attempts to open: each reserves the memory of a pool that does not exist yet.
 */
const OPEN_MS = 100;

/** What an opener has found. */
export type FoundHost<Host> =
  | { readonly connection: HostConnection; readonly host?: never }
  /** It has become the host itself. */
  | { readonly host: Host; readonly connection?: never };

/** How a host is looked for. */
export interface HostSearch<Host> {
  /** The pool's, absolute. */
  readonly directory: string;
  /** What is said to a host that is found. */
  readonly hello: () => Hello;
  /** Opens the pool. @throws {PoolLockedError} when another opener has it */
  readonly open: () => Promise<Host>;
  /** Ends the search. */
  readonly signal?: AbortSignal;
  /**
   * Whether an application waits for it: the process stays alive, and a store that others may not
   * use is not waited for.
   */
  readonly isOpening: boolean;
}

/**
 * Finds the process that has a pool open, or becomes it.
 *
 * @throws {PoolLockedError} when a process has it open that does not let others use it, or does not
 *   answer in time
 * @throws {DinomoError} when that process refuses this one, or the pool cannot be opened
 */
export async function findHost<Host>(search: HostSearch<Host>): Promise<FoundHost<Host>> {
  const { directory, hello, open, signal, isOpening } = search;
  const deadlineMs = monotonicMs() + HOST_WAIT_MS_MAX;
  let nextOpenMs = 0;
  for (let ms = ATTEMPT_MS_MIN;; ms = Math.min(2 * ms, ATTEMPT_MS_MAX)) {
    const connection = await HostConnection.connect(directory, hello).catch((error) => {
      // One that is refused for now comes again, unless an application waits for an answer.
      if (isOpening || !(error instanceof UnavailableError)) throw error;
      return undefined;
    });
    if (connection !== undefined) return { connection };
    const holder = readLockHolder(nodeFileSystem, directory);
    if (holder === undefined || (mayHaveEnded(holder) && monotonicMs() >= nextOpenMs)) {
      nextOpenMs = monotonicMs() + OPEN_MS;
      try {
        return { host: await open() };
      } catch (error) {
        if (!(error instanceof PoolLockedError)) throw error;
      }
    }
    signal?.throwIfAborted();
    if (holder?.processes === false && isOpening) {
      throw lockedError(directory, `${describeHolder(holder)}, without that option`);
    }
    if (monotonicMs() > deadlineMs) {
      throw lockedError(
        directory,
        `${describeHolder(holder)}, and which has not answered for ${HOST_WAIT_MS_MAX} ms`,
      );
    }
    await sleep(ms, { keepsAlive: isOpening, ...(signal && { signal }) });
  }
}

/**
 * Whether the lock may be free, as far as its file says: it does not say whether a thread of this
 * process has ended, and not every process may be asked about.
 */
function mayHaveEnded(holder: LockHolder): boolean {
  return livenessOf(holder) !== "running" ||
    isSameProcess(holder, ownProcess());
}
