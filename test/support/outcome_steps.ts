/**
 * An agent that does nothing but make steps: in each it changes two words, one after the other, and
 * the words are equal when it is not in one.
 *
 * @module
 */
import { Gate } from "../../lib/pool/gate.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { opponent } from "./outcome_race.ts";

/** What it works on. */
export interface StepsData {
  readonly pool: PoolHandle;
  readonly agent: number;
  /** The two words, far apart. */
  readonly words: SharedArrayBuffer;
}

/** What it did. */
export interface StepsReport {
  readonly made: number;
  /** Steps that it was not allowed to make. */
  readonly refused: number;
}

/** Index of the second word. */
const SECOND_WORD = 32;
/**
 * Accesses between the two changes: a step takes about a microsecond, much longer than entering or
 * leaving.
 */
const STEP_ACCESSES = 100;

opponent<StepsData>(({ pool, agent, words: buffer }, turns): StepsReport => {
  const gate = new Gate(Pool.attach(pool), agent);
  const words = new Int32Array(buffer);
  const own = new Int32Array(new SharedArrayBuffer(4));
  let made = 0;
  let refused = 0;
  while (turns.next()) {
    while (!gate.enter()) {
      refused += 1;
      if (turns.isAborted) return { made, refused };
    }
    words[0] += 1;
    for (let i = 0; i < STEP_ACCESSES; i++) Atomics.load(own, 0);
    words[SECOND_WORD] = words[0];
    gate.leave();
    made += 1;
  }
  return { made, refused };
});
