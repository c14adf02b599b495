/**
 * Simulated time, and processes in it: each with clocks of its own, and each may stand still, or be
 * killed.
 *
 * Everything that happens is an event of one queue, so a run depends on its seed alone.
 *
 * @module
 */
import type { ClusterClock } from "../../../lib/cluster/node/cluster_clock.ts";
import type { Random } from "../random.ts";

interface SimEvent {
  readonly atMs: number;
  readonly number: number;
  readonly task: () => void;
}

/** The time that all processes share and none of them knows. */
export class SimTime {
  nowMs = 0;
  #events: SimEvent[] = [];
  #count = 0;

  /** Has a task run after some milliseconds. */
  after(ms: number, task: () => void): void {
    const event = { atMs: this.nowMs + Math.max(0, ms), number: this.#count++, task };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.atMs > event.atMs) low = middle + 1;
      else high = middle;
    }
    // The next event is the last one; of those at one moment the earliest made.
    this.#events.splice(low, 0, event);
  }

  /** Runs what happens in the next milliseconds. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#events.length > 0 && this.#events.at(-1)!.atMs <= endMs) this.step();
    this.nowMs = endMs;
  }

  /** Runs the next event; returns whether there was one. */
  step(): boolean {
    const event = this.#events.pop();
    if (event === undefined) return false;
    this.nowMs = event.atMs;
    event.task();
    return true;
  }
}

/** How the clocks of a process go. */
export interface ClockRates {
  /** 1: as fast as time. */
  readonly monotonic: number;
  readonly epoch: number;
  /**
   * By how much the time of day is ahead, in milliseconds.
   *
   * @default 0
   */
  readonly aheadMs?: number;
}

/** Something that has reached a process while it stood still. */
interface Waiting {
  /** What comes from one place comes in its order. */
  readonly from: object;
  readonly task: () => void;
}

/** For how many milliseconds a process may be behind with what has waited. */
const CATCH_UP_MS = [0, 0, 20, 300];
/** A task that takes its time; one of so many does. */
const SLOW_ONE_IN = 8;
const SLOW_MS_MAX = 5;

/**
 * A process, or a machine with one process.
 *
 * What has waited while it stood still happens when it goes on: all in one turn of its event loop,
 * as it came; or in turns of their own, what has come from one place in its order, and those of
 * different places in any, with what happens elsewhere in between. Which of it is decided by
 * chance.
 */
export class SimProcess implements ClusterClock {
  readonly time: SimTime;
  readonly #random: Random | undefined;
  readonly #rates: ClockRates;
  #aheadMs: number;
  /** For how long its monotonic clock has stood still. */
  #frozenMs = 0;
  #isSuspended = false;
  #isKilled = false;
  #suspendedAtMs = 0;
  #waiting: Waiting[] = [];
  /** What has waited happens in turns, of which the next one is to come. */
  #isCatchingUp = false;
  /** Until then each turn may take its time. */
  #slowUntilMs = 0;
  /** Until then it cannot reach the engine. */
  cutUntilMs = 0;

  /**
   * @param rates left out: its clocks are as fast as time
   * @param random left out: what has waited happens in one turn
   */
  constructor(time: SimTime, rates?: ClockRates, random?: Random) {
    this.time = time;
    this.#random = random;
    this.#rates = rates ?? { monotonic: 1, epoch: 1 };
    this.#aheadMs = rates?.aheadMs ?? 0;
  }

  /** Sets the time of day. */
  setAheadMs(ms: number): void {
    this.#aheadMs = ms;
  }

  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  get isCut(): boolean {
    return this.time.nowMs < this.cutUntilMs;
  }

  monotonicMs(): number {
    return (this.time.nowMs - this.#frozenMs) * this.#rates.monotonic;
  }

  epochMs(): number {
    return 1e12 + this.#aheadMs + this.time.nowMs * this.#rates.epoch;
  }

  after(ms: number, task: () => void): { stop(): void } {
    let isStopped = false;
    this.time.after(ms / this.#rates.monotonic, () => {
      this.deliver(() => {
        if (!isStopped) task();
      });
    });
    return { stop: () => void (isStopped = true) };
  }

  /**
   * Something reaches the process: it happens now, or when the process goes on.
   *
   * @param from behind what has come from the same place; left out: a timer
   */
  deliver(task: () => void, from: object = this): void {
    if (this.#isKilled) return;
    if (this.#isSuspended || this.#waiting.length > 0) this.#waiting.push({ from, task });
    else task();
  }

  /**
   * Stands still for a time; its monotonic clock, too, if it is a virtual machine that is frozen.
   */
  suspend(ms: number, isFrozen: boolean): void {
    if (this.#isSuspended || this.#isKilled) return;
    this.#isSuspended = true;
    this.#suspendedAtMs = this.time.nowMs;
    this.time.after(ms, () => this.#resume(isFrozen));
  }

  /** Ends. */
  kill(): void {
    this.#isKilled = true;
    this.#waiting = [];
  }

  #resume(isFrozen: boolean): void {
    if (this.#isKilled) return;
    this.#isSuspended = false;
    if (isFrozen) this.#frozenMs += this.time.nowMs - this.#suspendedAtMs;
    if (this.#random === undefined || this.#random.below(2) === 0) return this.#takeAll();
    this.#slowUntilMs = this.time.nowMs + this.#random.pick(CATCH_UP_MS);
    this.#catchUp();
  }

  /** All that has waited happens in one turn. */
  #takeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { from, task } of waiting) this.deliver(task, from);
  }

  /** One of those that have waited happens, and then the next one. */
  #catchUp(): void {
    if (this.#isCatchingUp || this.#waiting.length === 0) return;
    const random = this.#random!;
    const isSlow = this.time.nowMs < this.#slowUntilMs && random.below(SLOW_ONE_IN) === 0;
    this.#isCatchingUp = true;
    this.time.after(isSlow ? random.between(1, SLOW_MS_MAX) : 0, () => {
      this.#isCatchingUp = false;
      if (this.#isSuspended || this.#waiting.length === 0) return;
      const { from } = random.pick(this.#waiting);
      const [next] = this.#waiting.splice(this.#waiting.findIndex((one) => one.from === from), 1);
      // Behind what has waited, while there is something left.
      next!.task();
      this.#catchUp();
    });
  }
}
