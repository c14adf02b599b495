/**
 * Has the event loop of a thread turn while it waits for an answer that is soon to come, instead of
 * letting the thread sleep, while that pays.
 *
 * A gateway answers within some tens of microseconds. Where processors are idle, waking a thread
 * that sleeps until then takes longer, and more processor time, than the turns in between, each of
 * which looks at the socket: so an awaited read takes half the time. Where processors are busy it
 * is the other way round: the gateway waits for the processor that the turns take.
 *
 * So it is measured ({@linkcode WaitChoice}). An answer that is not there when the time is up is
 * waited for in sleep: one that waits for a disk costs no more than that.
 *
 * @module
 */

import { WaitChoice } from "../wire/wait_choice.ts";

/** What such a wait is made of. */
export interface TurningWaitOptions {
  /** How long the event loop turns at most; 0: never. */
  readonly turnsMs: number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** Calls a task in the next turn of the event loop. */
  readonly nextTurn: (task: () => void) => void;
}

/** The waits of one thread. */
export class TurningWait {
  readonly #options: TurningWaitOptions;
  readonly #choice = new WaitChoice();
  #isWaiting = false;
  /** Whether the present wait is one in turns, and since when it is. */
  #isInTurns = false;
  #beganMs = 0;
  /** Whether the next turn is noted. */
  #isTurning = false;

  /** Waits for nothing yet. */
  constructor(options: TurningWaitOptions) {
    this.#options = options;
  }

  /** Something has been asked for; nothing changes while an answer is waited for already. */
  begin(): void {
    const { turnsMs, now, nextTurn } = this.#options;
    if (turnsMs === 0 || this.#isWaiting) return;
    this.#isWaiting = true;
    this.#beganMs = now();
    this.#isInTurns = this.#choice.next();
    if (!this.#isInTurns || this.#isTurning) return;
    this.#isTurning = true;
    nextTurn(this.#turn);
  }

  /** An answer has come. */
  noteAnswer(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#choice.learn(this.#isInTurns, this.#options.now() - this.#beganMs);
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#isWaiting = false;
  }

  readonly #turn = (): void => {
    const { turnsMs, now, nextTurn } = this.#options;
    this.#isTurning = this.#isWaiting && this.#isInTurns && now() - this.#beganMs < turnsMs;
    if (this.#isTurning) nextTurn(this.#turn);
  };
}
