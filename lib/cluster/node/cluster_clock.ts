/**
 * The clocks that a node of a cluster lives by. They are passed in: a simulation has its own.
 *
 * @module
 */
import { epochMs, monotonicMs, startTimer, type Timer } from "../../platform/runtime.ts";

/** The clocks of a process. */
export interface ClusterClock {
  /** Never runs backwards. It may stand still while a virtual machine is suspended. */
  monotonicMs(): number;
  /** The time of day. It may be set, in either direction. */
  epochMs(): number;
  /** Runs a task after some milliseconds. */
  after(ms: number, task: () => void): Timer;
}

/** A reading of both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly epochMs: number;
}

/**
 * The time from a moment to a later one, in milliseconds, by whichever clock has moved further: one
 * of them moves on while a process or its machine is suspended.
 */
export function elapsedMs(since: Moment, now: Moment): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.epochMs - since.epochMs);
}

/** Before anything was done. */
export const LONG_AGO: Moment = { monotonicMs: -Infinity, epochMs: -Infinity };

/** Those of the runtime. */
export const RUNTIME_CLOCK: ClusterClock = {
  monotonicMs,
  epochMs,
  after: (ms, task) => startTimer(task, ms, { keepsAlive: false }),
};
