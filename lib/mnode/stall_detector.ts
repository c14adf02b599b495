/**
 * Decides whether a KN makes progress, from samples of its words: a pure function of what it was
 * shown.
 *
 * A KN has stalled when the same step has been going on for too long, or when requests wait, no
 * thread is in a step, and its own thread does not turn its loop. Time counts only between samples
 * that are taken regularly: when the whole process was stopped, or this thread was, no other thread
 * could make progress either.
 *
 * @module
 */

/** Longest time between two samples that counts as a KN's, not as this thread's. */
export const SAMPLE_GAP_MS_MAX = 250;

/** What a KN's words say at one moment. */
export interface NodeSample {
  readonly nowMs: number;
  /** The EXECUTOR word: positive while a thread is in a step. */
  readonly executor: number;
  /** Steps begun, and pieces of work within long ones. */
  readonly steps: number;
  /** Turns of its own thread's loop. */
  readonly heartbeat: number;
  /** Whether requests wait that no executor has taken. */
  readonly hasRequests: boolean;
  /** Whether its own thread runs its loop. */
  readonly isThreadRunning: boolean;
  /** Whether it is in a call of the operating system that may take long. */
  readonly isInSystemCall: boolean;
}

/** How long a KN may make no progress. */
export interface StallLimits {
  readonly stallMsMax: number;
  readonly systemCallMsMax: number;
  /** Longest time between two samples that counts. */
  readonly gapMsMax: number;
}

/** Watches one KN. */
export class StallDetector {
  readonly #limits: StallLimits;
  #last: NodeSample | undefined;
  #stalledMs = 0;

  /** Makes a detector that has seen nothing. */
  constructor(limits: StallLimits) {
    this.#limits = limits;
  }

  /** For how long no progress has been seen, in milliseconds. */
  get stalledMs(): number {
    return this.#stalledMs;
  }

  /** Takes a sample; returns whether the KN has stalled. */
  observe(sample: NodeSample): boolean {
    const last = this.#last;
    this.#last = sample;
    if (last === undefined || !isStuck(last, sample)) {
      this.#stalledMs = 0;
      return false;
    }
    this.#stalledMs += Math.min(sample.nowMs - last.nowMs, this.#limits.gapMsMax);
    const { stallMsMax, systemCallMsMax } = this.#limits;
    return this.#stalledMs > (sample.isInSystemCall ? systemCallMsMax : stallMsMax);
  }
}

function isStuck(last: NodeSample, sample: NodeSample): boolean {
  if (last.executor !== sample.executor || last.steps !== sample.steps) return false;
  if (sample.executor > 0) return true;
  return sample.isThreadRunning && sample.hasRequests && last.heartbeat === sample.heartbeat;
}
