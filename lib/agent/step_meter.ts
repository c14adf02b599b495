/**
 * Measures how long a KN is occupied: the time that its steps take, whichever thread executes them.
 * Some steps are timed, and stand for the others (statistics/stride_sampler.ts); where each of them
 * calls the operating system anyway, most are.
 *
 * What is measured is added to a counter of the KN's agent block within the step, so it has one
 * writer at a time, like the other counters.
 *
 * @module
 */
import { monotonicMs } from "../platform/runtime.ts";
import { AgentCounter, type AgentCounters } from "../pool/agent_counters.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import { StrideSampler } from "../statistics/stride_sampler.ts";

/**
 * Longest stride where steps write to a file: they last from microseconds to milliseconds, so a few
 * would not stand for the others.
 */
const LOGGED_STRIDE_MAX = 4;

/** Times one executor's steps for one KN. */
export class StepMeter {
  readonly #counters: AgentCounters;
  readonly #steps: StrideSampler;
  readonly #now: () => number;
  #weight = 0;
  #startMs = 0;

  /** Makes a meter; `now` is a monotonic clock in milliseconds. */
  constructor(
    region: StatisticsRegion,
    counters: AgentCounters,
    executor: number,
    isLogged: boolean,
    now: () => number = monotonicMs,
  ) {
    const strideMax = isLogged ? LOGGED_STRIDE_MAX : undefined;
    this.#steps = new StrideSampler(new Int32Array(region.buffer), executor, strideMax);
    this.#counters = counters;
    this.#now = now;
  }

  /** A step begins. */
  begin(): void {
    this.#weight = this.#steps.next();
    if (this.#weight !== 0) this.#startMs = this.#now();
  }

  /** The step ends. */
  end(): void {
    if (this.#weight === 0) return;
    const micros = (this.#now() - this.#startMs) * 1000;
    this.#counters.add(AgentCounter.BUSY_MICROS, micros * this.#weight);
  }
}
