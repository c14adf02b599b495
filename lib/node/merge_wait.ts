/**
 * How long requests of a far KN wait until what it has logged is merged, before they are refused.
 *
 * Merging takes a while, and makes progress all the time, unless the thread of another KN that has
 * failed holds what it needs: the lock of a slot, or the merger itself. That thread may never let
 * go.
 *
 * @module
 */
import { monotonicMs } from "../platform/runtime.ts";
import { RECONFIGURE_MS_MAX } from "../core/limits.ts";

/** The waiting of one KN's requests. */
export class MergeWait {
  readonly #now: () => number;
  #sinceMs: number | undefined;

  /** Makes the waiting of a KN; `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = monotonicMs) {
    this.#now = now;
  }

  /** Whether the requests that wait have to be refused: nothing has been merged for too long. */
  get isOver(): boolean {
    return this.#sinceMs !== undefined && this.#now() - this.#sinceMs > RECONFIGURE_MS_MAX;
  }

  /** Notes whether requests wait, and whether anything has been merged since the last call. */
  note(isWaiting: boolean, isMerging: boolean): void {
    if (!isWaiting || isMerging) this.#sinceMs = undefined;
    else this.#sinceMs ??= this.#now();
  }
}
