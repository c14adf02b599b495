/**
 * How long a request waits for a segment before it is refused.
 *
 * A segment may become free without this KN doing anything for it: another agent cleans, or a
 * snapshot or a checkpoint ends that holds back what was cleaned. So a request waits in its ring,
 * its KN tries again a millisecond later, and no request waits for ever.
 *
 * @module
 */
import { SYSTEM_CALL_MS_MAX } from "../core/limits.ts";
import type { Checkpointer } from "../persistence/checkpointer.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { monotonicMs } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import type { SegmentTable } from "../pool/segment_table.ts";
import type { SpaceBudget } from "../pool/space_budget.ts";

/** How long to wait before trying again. */
const WAIT_MS = 1;
/** Tries before a request is refused where cleaning has nothing to gain. */
const FUTILE_TRIES_MAX = 32;
/**
 * The same where a KN or a DPM processor is about to gain a segment; but it may have been
 * descheduled.
 */
const HOPEFUL_TRIES_MAX = 3000;
/**
 * Checkpoints after which one that would free a segment is not waited for any more: cleaning a
 * segment gains 3 % of it or more, so with so many of them there is a free one, unless records are
 * of unlucky sizes and are moved for ever.
 */
const FUTILE_CHECKPOINTS_MAX = 64;

/** The waiting of one KN's requests. */
export class SegmentWait {
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #file: LogFile | undefined;
  readonly #checkpointer: Checkpointer | undefined;
  readonly #now: () => number;
  #triesCount = 0;
  #checkpointCount = 0;
  /** Since when a snapshot or a checkpoint has been waited for. */
  #sinceMs: number | undefined;

  /**
   * Makes the waiting of a KN; `file` and `checkpointer` are there if what is written is logged.
   *
   * @param now a monotonic clock in milliseconds
   */
  constructor(
    segments: SegmentTable,
    budget: SpaceBudget,
    file: LogFile | undefined,
    checkpointer: Checkpointer | undefined,
    now: () => number = monotonicMs,
  ) {
    this.#segments = segments;
    this.#budget = budget;
    this.#file = file;
    this.#checkpointer = checkpointer;
    this.#now = now;
  }

  /**
   * Whether there are segments that the next checkpoint will free, so that cleaning others gains
   * nothing.
   */
  get isForCheckpoint(): boolean {
    return this.#file !== undefined && this.#segments.pendingCount > 0;
  }

  /**
   * Whether a request should be tried again after {@linkcode wait}; otherwise it has to be refused.
   */
  mayGoOn(): boolean {
    if (this.#willBeFreed() && this.#isSoon()) return true;
    return this.#tryAgain(this.#budget.canGain ? HOPEFUL_TRIES_MAX : FUTILE_TRIES_MAX);
  }

  /** The same for a request that waits until what others have logged is merged. */
  mayGoOnForMerge(): boolean {
    return this.#tryAgain(HOPEFUL_TRIES_MAX);
  }

  /** Waits a bounded time. */
  wait(): void {
    // The thread whose business checkpoints are may be the one that waits for this request.
    if (this.isForCheckpoint && this.#checkpointer?.tryCheckpoint()) this.#checkpointCount += 1;
    else if (this.#file === undefined && this.#segments.isFreeingDeferred) {
      this.#segments.waitForRelease();
    } else sleepSync(WAIT_MS);
  }

  /** Says that a request has got what it waited for. */
  end(): void {
    this.#triesCount = this.#checkpointCount = 0;
    this.#sinceMs = undefined;
  }

  /** Whether a snapshot or a checkpoint holds segments back that will be free when it ends. */
  #willBeFreed(): boolean {
    if (this.#file === undefined) return this.#segments.isFreeingDeferred;
    return this.isForCheckpoint && !this.#file.hasFailed &&
      this.#checkpointCount < FUTILE_CHECKPOINTS_MAX;
  }

  /**
   * Whether that has not been so for longer than a file operation may take: the thread that writes
   * the snapshot or the checkpoint may have failed.
   */
  #isSoon(): boolean {
    this.#sinceMs ??= this.#now();
    return this.#now() - this.#sinceMs < SYSTEM_CALL_MS_MAX;
  }

  #tryAgain(triesMax: number): boolean {
    if (++this.#triesCount < triesMax) return true;
    this.end();
    return false;
  }
}
