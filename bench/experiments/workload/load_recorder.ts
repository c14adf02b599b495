/**
 * How many operations end, and how long they take: in all since the warm-up, and per interval, for
 * timelines.
 *
 * @module
 */
import type { Simulation } from "../kernel/simulation.ts";

/** Latencies are counted in classes that grow by 2 %: so exact are the quantiles. */
const CLASS_GROWTH = Math.log(1.02);
const CLASS_COUNT = 1024;
const LATENCY_US_MIN = 0.1;

/** An interval of a timeline. */
export interface Interval {
  readonly beginUs: number;
  readonly operations: number;
}

/** Counts operations as they end. */
export class LoadRecorder {
  readonly #simulation: Simulation;
  readonly #intervalUs: number;
  readonly #classes = new Float64Array(CLASS_COUNT);
  readonly #ended: number[] = [];
  #operations = 0;
  #sinceUs = 0;

  /**
   * @param intervalUs the length of an interval of the timeline
   */
  constructor(simulation: Simulation, intervalUs: number) {
    this.#simulation = simulation;
    this.#intervalUs = intervalUs;
  }

  /** Counts an operation that ends now. */
  record(beganUs: number): void {
    const { nowUs } = this.#simulation;
    const latencyUs = nowUs - beganUs;
    const rank = Math.floor(Math.log(Math.max(1, latencyUs / LATENCY_US_MIN)) / CLASS_GROWTH);
    this.#classes[Math.min(CLASS_COUNT - 1, rank)] += 1;
    this.#operations += 1;
    const interval = Math.floor(nowUs / this.#intervalUs);
    this.#ended[interval] = (this.#ended[interval] ?? 0) + 1;
  }

  /** Ends the warm-up. The timeline keeps it. */
  reset(): void {
    this.#classes.fill(0);
    this.#operations = 0;
    this.#sinceUs = this.#simulation.nowUs;
  }

  get operations(): number {
    return this.#operations;
  }

  get operationsPerSecond(): number {
    return this.#operations / (this.#simulation.nowUs - this.#sinceUs) * 1e6;
  }

  /** The latency that such a share of the operations did not exceed, in microseconds, to 2 %. */
  latencyUs(share: number): number {
    let left = this.#operations * share;
    for (let rank = 0; rank < CLASS_COUNT; rank++) {
      left -= this.#classes[rank];
      if (left <= 0) return LATENCY_US_MIN * Math.exp((rank + 1) * CLASS_GROWTH);
    }
    return Infinity;
  }

  /** All whole intervals so far. */
  timeline(): Interval[] {
    const count = Math.floor(this.#simulation.nowUs / this.#intervalUs);
    return Array.from({ length: count }, (_, interval) => ({
      beginUs: interval * this.#intervalUs,
      operations: this.#ended[interval] ?? 0,
    }));
  }
}
