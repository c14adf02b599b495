/**
 * When a node makes the next append to its log: when all requests have been taken that came
 * together.
 *
 * Those who are answered by one append ask again at about the same time. An append that was made
 * when the one before had ended would hold only what had come meanwhile, and those who have just
 * been answered would wait for the one after: two groups would take turns, and each append have
 * half of what it could have. So the next append waits until as many have come as were answered,
 * for a part of the time that the one before took: who does not ask again costs the others no more
 * than that (the idea of PostgreSQL's `commit_delay`, with a time that is measured).
 *
 * @module
 */
import type { Timer } from "../../platform/runtime.ts";
import type { ClusterClock } from "./cluster_clock.ts";

/** Which part of the last append's time the next one waits at most, and milliseconds of that. */
const WAIT_PART = 1 / 4;
const WAIT_MS_MAX = 2;
/** Who is alone has nobody to be joined by. */
const ANSWERED_MIN = 2;

/** Decides when one writer makes its next append. */
export class NextAppend {
  readonly #clock: ClusterClock;
  readonly #soon: (task: () => void) => void;
  readonly #make: () => void;
  #timer: Timer | undefined;
  /** Requests that are waited for, with those that were there. */
  #expectedCount = 0;
  /** Whether all that have come together are being taken. */
  #isTaking = false;

  /**
   * Decides nothing yet.
   *
   * @param soon runs a task when all requests have been taken that came together
   * @param make makes the append of what waits
   */
  constructor(clock: ClusterClock, soon: (task: () => void) => void, make: () => void) {
    this.#clock = clock;
    this.#soon = soon;
    this.#make = make;
  }

  /** A request has come while no append was on its way; so many wait now. */
  noteRequest(waitingCount: number): void {
    if (this.#isTaking || this.#timer !== undefined && waitingCount < this.#expectedCount) return;
    this.#isTaking = true;
    this.#soon(() => {
      this.#isTaking = false;
      this.#begin();
    });
  }

  /** An append has ended after `tookMs`: so many were answered by it, and so many others wait. */
  noteEnd(answeredCount: number, waitingCount: number, tookMs: number): void {
    if (answeredCount < ANSWERED_MIN) return this.#begin();
    this.#expectedCount = waitingCount + answeredCount;
    const waitMs = Math.min(WAIT_MS_MAX, tookMs * WAIT_PART);
    this.#timer = this.#clock.after(waitMs, () => this.#begin());
  }

  /** Waits for nobody any more. */
  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  /** No wait is left for a later append: a request may have come while others were answered. */
  #begin(): void {
    this.stop();
    this.#make();
  }
}
