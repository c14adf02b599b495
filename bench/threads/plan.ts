/**
 * The sizes of the benchmarks of several threads.
 *
 * @module
 */
import type { Size } from "../options.ts";

export interface ThreadsPlan {
  /** Records that are read. */
  keyCount: number;
  /** Repetitions of one thread and of two, which take turns. */
  readRepetitionCount: number;
  readMs: number;
  /** Rounds of every way of telling another thread something, which take turns. */
  visibilityRoundCount: number;
  roundTripCount: number;
  killCount: number;
  /**
   * Between the end of one failure and the next kill. A store gives up when 20 KNs in a row fail
   * within a second of their start; so many kills need KNs that live longer.
   */
  killPauseMs: number;
}

export const THREADS_PLANS: Record<Size, ThreadsPlan> = {
  smoke: {
    keyCount: 500,
    readRepetitionCount: 2,
    readMs: 5,
    visibilityRoundCount: 2,
    roundTripCount: 50,
    killCount: 3,
    killPauseMs: 5,
  },
  quick: {
    keyCount: 20_000,
    readRepetitionCount: 15,
    readMs: 50,
    visibilityRoundCount: 5,
    roundTripCount: 2000,
    killCount: 15,
    killPauseMs: 100,
  },
  full: {
    keyCount: 20_000,
    readRepetitionCount: 75,
    readMs: 50,
    visibilityRoundCount: 15,
    roundTripCount: 5000,
    killCount: 100,
    killPauseMs: 550,
  },
};
