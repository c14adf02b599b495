/**
 * Ends a change of the KNs, or of a key's owners, that makes no progress (I14).
 *
 * Such a change waits for slots and logs that a thread holds. One that runs lets go in
 * microseconds, one that waits for a disk in seconds. One of a failed KN that neither goes on nor
 * ends may hold them for ever. Then the change is given up in the middle, which is a state like any
 * other: each slot has one owner, or will get one from the M-node, and the same change, asked for
 * again, goes on from there.
 *
 * @module
 */
import { UnavailableError } from "../core/errors.ts";
import { RECONFIGURE_MS_MAX, SYSTEM_CALL_MS_MAX } from "../core/limits.ts";

/** Watches one change. */
export class ProgressLimit {
  readonly #what: string;
  readonly #hasZombies: () => boolean;
  readonly #now: () => number;
  #done = -1;
  #sinceMs = 0;

  /**
   * Watches a change that begins now.
   *
   * @param what names the change in the error
   * @param hasZombies whether the thread of a failed KN is in the middle of a step
   * @param now a monotonic clock in milliseconds
   */
  constructor(what: string, hasZombies: () => boolean, now: () => number) {
    this.#what = what;
    this.#hasZombies = hasZombies;
    this.#now = now;
  }

  /**
   * To be called whenever the change has to be tried again.
   *
   * @param done how much has been done so far
   * @throws {UnavailableError} when that has been the same for too long
   */
  check(done: number): void {
    if (done !== this.#done) {
      this.#done = done;
      this.#sinceMs = this.#now();
      return;
    }
    const waitedMs = this.#now() - this.#sinceMs;
    if (waitedMs <= (this.#hasZombies() ? RECONFIGURE_MS_MAX : SYSTEM_CALL_MS_MAX)) return;
    throw new UnavailableError(
      `${this.#what} must be possible for slots that no thread holds for long, but nothing could be moved for ${
        Math.round(waitedMs)
      } ms: a thread that holds some, of a KN that has failed or of a slow disk, has not let go; ` +
        "what was moved stays moved, and the same call goes on from there",
    );
  }
}
