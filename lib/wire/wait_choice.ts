/**
 * How a thread waits for what another one is to write into memory that they share: it looks for it
 * in each turn of its event loop, for some time, or it sleeps until it is told.
 *
 * With a processor for each thread, who looks sees it within a microsecond, and to wake a thread
 * takes 70. With less than that, who looks keeps the other thread from writing, and who sleeps
 * leaves it a processor that is awake: then it takes 10 or 20. No thread can know how it is, so
 * what counts is which way has been shorter of late; the other one is tried now and then.
 *
 * @module
 */

/** For how long is looked, in milliseconds: about as long as it takes to wake a thread. */
export const LOOK_MS = 0.1;
/** What a wait counts at most: one that has been long by chance decides little. */
const COUNTED_MS_MAX = 2 * LOOK_MS;
/** Share of a wait in what is known of its kind, and that of one that was tried: these are few. */
const SHARE = 1 / 8;
const TRIAL_SHARE = 1 / 2;
/** What it takes to be woken, before that is known. */
const WOKEN_MS = 0.03;
/** Share of a sleep below which looking is worth the processor's time. */
const PAYS_BELOW = 0.9;
/**
 * Of so many waits one is of the kind that was longer. It is odd, as waits for two things
 * alternate.
 */
const TRIAL_EVERY = 61;

/** Chooses for one thread. */
export class WaitChoice {
  #lookingMs = 0;
  #sleepingMs: number = WOKEN_MS;
  #count = 0;
  #share = SHARE;

  /** Whether the wait that begins is to be by looking. */
  next(): boolean {
    this.#count = (this.#count + 1) % TRIAL_EVERY;
    const isShorter = this.#lookingMs < Math.min(this.#sleepingMs * PAYS_BELOW, LOOK_MS);
    const isTrial = this.#count === 0;
    this.#share = isTrial ? TRIAL_SHARE : SHARE;
    return isShorter !== isTrial;
  }

  /** A wait has ended, after some milliseconds. */
  learn(wasLooking: boolean, ms: number): void {
    const counted = Math.min(ms, COUNTED_MS_MAX);
    if (wasLooking) this.#lookingMs += (counted - this.#lookingMs) * this.#share;
    else this.#sleepingMs += (counted - this.#sleepingMs) * this.#share;
  }
}
