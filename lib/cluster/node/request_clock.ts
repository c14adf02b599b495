/**
 * The clock by which requests come too late: the monotonic one, and beside it all jumps by which
 * the time of day was ahead of it. So it does not stand still with a machine that is suspended. A
 * time of day that is set forwards has requests come too late that are not; one that is set back
 * does nothing. It is to be read often.
 *
 * @module
 */
import type { ClusterClock } from "./cluster_clock.ts";

/** What is no jump, in milliseconds: clocks are read one after the other, and rounded. */
const JUMP_MS_MIN = 200;

/** Time since it was made, by a node or by who sends to nodes. */
export class RequestClock {
  readonly #clock: ClusterClock;
  readonly #startMs: number;
  #jumpsMs = 0;
  #monotonicMs: number;
  #epochMs: number;

  constructor(clock: ClusterClock) {
    this.#clock = clock;
    this.#startMs = this.#monotonicMs = clock.monotonicMs();
    this.#epochMs = clock.epochMs();
  }

  /** In milliseconds; never runs backwards. */
  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const epochMs = this.#clock.epochMs();
    const aheadMs = epochMs - this.#epochMs - (monotonicMs - this.#monotonicMs);
    if (aheadMs >= JUMP_MS_MIN) this.#jumpsMs += aheadMs;
    this.#monotonicMs = monotonicMs;
    this.#epochMs = epochMs;
    return monotonicMs - this.#startMs + this.#jumpsMs;
  }
}
