/**
 * Lets one agent of a simulation make a step at a time, as a seed says.
 *
 * With an `interruptShare` a step is not the smallest unit: at any atomic access inside it another
 * agent may make a whole step, and be interrupted itself. Interruptions nest, so the interrupted
 * agent always continues last; every order of two agents' accesses in which one of them makes its
 * step at a single point of the other's is possible. (For a reader that is spread over many points,
 * see sim_trajectory.ts.) An agent that would spin until the interrupted one continues is not
 * chosen.
 *
 * @module
 */
import type { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { require } from "./sim_model.ts";

/** Somebody who makes steps. */
export interface SimAgent {
  readonly name: string;
  /** Whether it is in the middle of a step. */
  isActive: boolean;
  /**
   * Whether it can make a step now; if nested, without waiting for anybody who is in the middle of
   * one.
   */
  mayRun(isNested: boolean): boolean;
  step(): void;
}

/**
 * How much more often than elsewhere a step is interrupted at a word, and the share of long
 * interruptions.
 */
export interface Heat {
  readonly factor: number;
  readonly longShare: number;
}

/** What a simulation decides for its scheduler. */
export interface SimSchedule {
  readonly random: Random;
  /** Share of the atomic accesses at which another agent makes a step; 0 for whole steps only. */
  readonly interruptShare: number;
  /** Picks somebody; whether it can make a step is asked afterwards. */
  readonly pick: () => SimAgent;
  readonly heatOf: (array: Int32Array, index: number) => Heat;
}

/** Steps inside of steps inside of steps. */
const DEPTH_MAX = 3;
/** Atomic accesses of one step beyond which it is stuck. */
const ACCESSES_MAX = 400_000;
/**
 * Steps for which something may be waited for. A KN of a full pool tries 3,000 times before it
 * refuses a request that may get a segment (node/segment_wait.ts), has an eighth of the steps, and
 * there may be several such requests.
 */
const WAITS_MAX = 400_000;
/** Steps of a long interruption: as many as a preempted thread may miss. */
const LONG_STEPS_MAX = 60;

/** The scheduler. */
export class SimScheduler {
  /** Steps made in the middle of others. */
  interruptCount = 0;
  /** Called before and after each atomic write, after the interruptions there. */
  observer: (() => void) | undefined;
  readonly #schedule: SimSchedule;
  #isObserving = false;
  #depth = 0;
  #accessCount = 0;
  #waitCount = 0;
  #waitingFor = "";

  /** Makes a scheduler. */
  constructor(schedule: SimSchedule) {
    this.#schedule = schedule;
  }

  /** Runs `body` so that steps in it can be interrupted. */
  during(body: () => void): void {
    withAtomicHooks({ onAccess: this.#onAccess }, body);
  }

  /** Lets somebody make a step. */
  makeStep(): void {
    this.#accessCount = 0;
    this.watch("a step");
    this.#run(this.#choose(false));
  }

  /** Starts watching that something ends. */
  watch(what: string): void {
    this.#waitingFor = what;
    this.#waitCount = 0;
  }

  /** Lets somebody else make a step, on behalf of one who waits. */
  runOther(): void {
    this.#waitCount += 1;
    this.#accessCount = 0;
    require(this.#waitCount < WAITS_MAX, `${this.#waitingFor} does not end`);
    this.#run(this.#choose(true));
  }

  #choose(isNested: boolean): SimAgent | undefined {
    const agent = this.#schedule.pick();
    return agent.mayRun(isNested) ? agent : undefined;
  }

  #run(agent: SimAgent | undefined): void {
    if (agent === undefined) return;
    agent.isActive = true;
    this.#depth += 1;
    agent.step();
    this.#depth -= 1;
    agent.isActive = false;
  }

  /** Lets others make a step, or, now and then, as many as a preempted thread may miss. */
  #interrupt(heat: Heat): void {
    const { random } = this.#schedule;
    const isLong = random.next() < heat.longShare;
    const stepCount = isLong ? random.below(LONG_STEPS_MAX) : 1;
    this.interruptCount += stepCount;
    for (let i = 0; i < stepCount; i++) this.#run(this.#choose(true));
  }

  readonly #onAccess = (isWrite: boolean, array: Int32Array, index: number): void => {
    if (this.#isObserving) return;
    this.#accessCount += 1;
    require(this.#accessCount < ACCESSES_MAX, "a step does not end");
    const { random, interruptShare, heatOf } = this.#schedule;
    if (this.#depth > 0 && this.#depth < DEPTH_MAX && interruptShare > 0) {
      const heat = heatOf(array, index);
      if (random.next() < interruptShare * heat.factor) this.#interrupt(heat);
    }
    if (!isWrite || this.observer === undefined) return;
    this.#isObserving = true;
    this.observer();
    this.#isObserving = false;
  };
}
