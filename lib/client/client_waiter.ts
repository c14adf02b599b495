/**
 * How a client waits for completions without a thread of its own.
 *
 * Asynchronously: spin for a few microseconds at the end of the tick, which is when a KN that is
 * awake answers; then poll once per turn of the event loop; then once per millisecond.
 * (`Atomics.waitAsync` takes 60 to 120 µs, as a message does, and a pending one keeps no process
 * alive; turns and timers do both better.)
 *
 * What is settled at the end of a tick resolves promises, whose continuations may issue the next
 * operations in the same turn of the event loop, and so on without an end. So that timers and
 * sockets get their turn, too, settling waits for the next turn once this one has lasted some
 * milliseconds (platform/loop_turn.ts).
 *
 * Synchronously: spin, then `Atomics.wait` on the completion tail, which the KN notifies.
 *
 * @module
 */
import type { Spinner } from "../node/idle_strategy.ts";
import { LoopTurn } from "../platform/loop_turn.ts";
import { runMicrotask, runNextTurn, startTimer } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import type { RequestProducer } from "../rings/request_producer.ts";
import { COMPLETION_TAIL } from "../rings/ring_layout.ts";

/** What a poll of the client came to. */
export const PollResult = {
  /** No request is pending any more. */
  IDLE: 0,
  /** Something was settled, something is still pending. */
  PROGRESS: 1,
  /** Nothing was settled, something is still pending. */
  NOTHING: 2,
} as const;

/** Decides how a client waits. */
export interface ClientWaiter {
  /**
   * Counts an operation that has ended within the tick; whether this turn of the event loop has
   * lasted long enough, so that the next one should wait for another (platform/loop_turn.ts).
   */
  readonly isTurnOver?: () => boolean;
  /** Runs a task at the end of the tick. */
  schedule(task: () => void): void;
  /**
   * Calls `poll` until it returns IDLE, without blocking the event loop for long.
   *
   * @param poll settles what has ended; told that the KNs seem to make no progress, it executes
   *   requests itself
   */
  waitLater(poll: (mayHelp: boolean) => number): void;
}

/** Decides how the client of a thread waits that has rings. */
export interface RingWaiter extends ClientWaiter {
  /**
   * Blocks until there may be a completion; the producer is one with requests in flight, if any.
   */
  waitSync(producer: RequestProducer | undefined): void;
}

/** How long a tick's end may be spent on taking completions that keep coming. */
const DRAIN_MS_MAX = 0.5;
/** How long to poll on every turn of the event loop before falling back to a timer. */
const TURNS_MS_MAX = 2;
/** Bound of a synchronous wait: a lost wake-up would cost this, not a hang. */
const SYNC_WAIT_MS_MAX = 5;

/** Waits with the real clock and the real event loop. */
export class EventLoopWaiter implements RingWaiter {
  readonly #spinner: Spinner;
  readonly #now: () => number;
  #poll: (mayHelp: boolean) => number = () => PollResult.IDLE;
  #isWaiting = false;
  #turnsSinceMs = 0;
  readonly #loop: LoopTurn;

  /** Makes a waiter; `now` is a monotonic clock in milliseconds. */
  constructor(spinner: Spinner, now: () => number, loop: LoopTurn = new LoopTurn(now)) {
    this.#spinner = spinner;
    this.#now = now;
    this.#loop = loop;
  }

  readonly isTurnOver = (): boolean => this.#loop.count(0);

  schedule(task: () => void): void {
    runMicrotask(task);
  }

  waitLater(poll: (mayHelp: boolean) => number): void {
    this.#poll = poll;
    if (!this.#loop.count(0) && this.#drain() === PollResult.IDLE) return;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#turnsSinceMs = this.#now();
    runNextTurn(this.#turn);
  }

  waitSync(producer: RequestProducer | undefined): void {
    if (producer === undefined) return sleepSync(1);
    if (this.#spinner.spin(() => producer.hasCompletion())) return;
    if (!producer.announceWait()) {
      Atomics.wait(producer.words, COMPLETION_TAIL, producer.completionTail, SYNC_WAIT_MS_MAX);
    }
    producer.retractWait();
  }

  /** Spins while completions keep coming, for a bounded time. */
  #drain(): number {
    let result = this.#poll(false);
    if (result === PollResult.IDLE) return result;
    const deadlineMs = this.#now() + DRAIN_MS_MAX;
    const hasProgress = () => (result = this.#poll(false)) !== PollResult.NOTHING;
    for (;;) {
      // A KN that does not answer in time has been descheduled, perhaps in favour of this thread.
      if (!this.#spinner.spin(hasProgress)) result = this.#poll(true);
      if (result !== PollResult.PROGRESS || this.#now() > deadlineMs) return result;
    }
  }

  readonly #turn = (): void => {
    let result: number = PollResult.NOTHING;
    try {
      result = this.#poll(true);
    } finally {
      // Also after a poll that has thrown: what is pending is still waited for.
      this.#goOn(result);
    }
  };

  #goOn(result: number): void {
    if (result === PollResult.IDLE) {
      this.#isWaiting = false;
      return;
    }
    if (result === PollResult.PROGRESS) this.#turnsSinceMs = this.#now();
    // Both kinds of handle keep the process alive, as pending operations must.
    if (this.#now() - this.#turnsSinceMs < TURNS_MS_MAX) runNextTurn(this.#turn);
    else startTimer(this.#turn, 1);
  }
}
