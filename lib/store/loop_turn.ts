/**
 * How long an operation on many keys may go on until timers and sockets get their turn.
 *
 * @module
 */
import { monotonicMs, nextTurn } from "../core/runtime.ts";

/** How long it may. */
const TURN_MS_MAX = 5;
/** Keys between two looks at the clock. */
const KEYS_PER_LOOK = 256;

/** The turns of the event loop of one operation. */
export class LoopTurn {
  #startMs = monotonicMs();

  /** Whether this turn has lasted long enough, when so many keys are done. */
  isOver(keyCount: number): boolean {
    return keyCount % KEYS_PER_LOOK === KEYS_PER_LOOK - 1 &&
      monotonicMs() - this.#startMs > TURN_MS_MAX;
  }

  /** Resolves in the next turn. */
  async end(): Promise<void> {
    await nextTurn();
    this.#startMs = monotonicMs();
  }
}
