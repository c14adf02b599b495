/**
 * Turns of the event loop: how long the present one has lasted.
 *
 * What ends within a tick resolves promises, whose continuations may begin the next operations in
 * the same turn of the event loop, and so on without an end, while timers and sockets wait. So
 * whatever may go on for long counts here what it does, and stops until the next turn when this one
 * has lasted {@linkcode TURN_MS_MAX}. That it has is true for all of them at once: an operation
 * that stops would not help if others went on.
 *
 * Counting costs one subtraction. The clock is asked, and the beginning of the next turn awaited,
 * once in {@linkcode COUNTS_PER_LOOK} operations; more often while they are slow, or what the
 * application does between them.
 *
 * @module
 */
import { monotonicMs, runNextTurn } from "./runtime.ts";

/** How long a turn may last until operations stop. */
const TURN_MS_MAX = 4;
/** Operations between two looks at the clock, at most, and the time that they should take. */
const COUNTS_PER_LOOK = 16;
const LOOK_MS = 0.25;
/** Bytes that count as much as an operation does, as a power of two. */
const BYTES_LOG2 = 12;

/** The turns of one thread's event loop. */
export class LoopTurn {
  readonly #now: () => number;
  /** What may be counted until the next look; below 0 until the turn is over, once it has to be. */
  #left: number = COUNTS_PER_LOOK;
  #perLook: number = COUNTS_PER_LOOK;
  /** Whether the beginning of the next turn will be noted, and this one is known to last. */
  #isMarked = false;
  #isOver = false;
  #startMs = 0;
  #lookMs = 0;
  #next: Promise<void> | undefined;
  #begin!: () => void;

  /** Watches the event loop by a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts an operation.
   *
   * @param bytes that it has copied, encoded or decoded
   * @returns whether the turn has lasted long enough: what goes on should stop until {@linkcode
   *   next}
   */
  count(bytes: number): boolean {
    this.#left -= 1 + (bytes >>> BYTES_LOG2);
    return this.#left < 0 && this.#look();
  }

  /** Resolves in the next turn. */
  next(): Promise<void> {
    this.#mark();
    return this.#next ??= new Promise((resolve) => this.#begin = resolve);
  }

  #look(): boolean {
    if (this.#isOver) return true;
    const nowMs = this.#now();
    if (this.#isMarked) {
      this.#isOver = nowMs - this.#startMs > TURN_MS_MAX;
      const countMs = (nowMs - this.#lookMs) / this.#perLook;
      this.#perLook = Math.max(1, Math.min(COUNTS_PER_LOOK, Math.floor(LOOK_MS / countMs)));
    } else {
      this.#startMs = nowMs;
      this.#perLook = Math.min(COUNTS_PER_LOOK, this.#perLook * 2);
      this.#mark();
    }
    this.#lookMs = nowMs;
    if (!this.#isOver) this.#left = this.#perLook - 1;
    return this.#isOver;
  }

  #mark(): void {
    if (this.#isMarked) return;
    this.#isMarked = true;
    runNextTurn(this.#beginTurn);
  }

  readonly #beginTurn = (): void => {
    this.#isMarked = this.#isOver = false;
    this.#left = this.#perLook - 1;
    if (this.#next === undefined) return;
    this.#next = undefined;
    this.#begin();
  };
}

/** Those of this thread. */
export const loopTurn: LoopTurn = new LoopTurn(monotonicMs);

/**
 * Counts an operation that has been done within the tick, by a call that blocks.
 *
 * Such a call is always done at once, however long the turn has lasted: it has no other one. What
 * an awaited operation asks before (client/own_changes.ts) its caller asks here afterwards: whether
 * to go on in this turn.
 *
 * @param done its promise
 * @returns the same, or one that resolves in the next turn when this one has lasted long enough
 */
export function countDone<T>(done: Promise<T>): Promise<T> {
  return loopTurn.count(0) ? loopTurn.next().then(() => done) : done;
}
