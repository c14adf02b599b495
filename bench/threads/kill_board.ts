/**
 * Where the host orders the death of a KN, and where everybody sees when it died.
 *
 * A KN's thread takes no messages: it works and sleeps. So the orders are in shared memory that
 * every thread has, at the end of an agent block that none of the few KNs here has, in words that
 * the library has no use for.
 *
 *     word  0    which way to die, one of `Death`; the host orders, the KN takes it off
 *           1    agent block of the KN that is to die
 *           2    atomic accesses of its steps until then
 *           4-5  when it died, in ms since the epoch; infinite until then
 *
 * The KN writes when, then takes off the order; whoever waits for that sees both.
 *
 * @module
 */
import { NODE_COUNT_MAX } from "../../lib/core/limits.ts";
import { LINE_WORDS } from "../../lib/pool/lines.ts";
import { AGENT_BLOCK_WORDS } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import type { PoolHandle } from "../../lib/pool/pool.ts";

export const Death = { NONE: 0, THROW: 1, EXIT: 2 } as const;

const DEATH = 0;
const AGENT = 1;
const COUNTDOWN = 2;
const DIED_AT = 4;

/** Milliseconds since the epoch, the same in all threads but for about a microsecond. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}

export class KillBoard {
  readonly #control: Int32Array;
  readonly #at: number;
  readonly #diedAtMs: Float64Array;

  constructor(handle: PoolHandle) {
    const pool = Pool.attach(handle);
    this.#control = pool.control;
    this.#at = pool.agentAt(NODE_COUNT_MAX - 1) + AGENT_BLOCK_WORDS - LINE_WORDS;
    const byteOffset = pool.control.byteOffset + (this.#at + DIED_AT) * 4;
    this.#diedAtMs = new Float64Array(pool.control.buffer, byteOffset, 1);
  }

  /** When the last KN died, or was killed; infinite while none is dead. */
  get diedAtMs(): number {
    return this.#diedAtMs[0];
  }

  /** Nobody is dead, or to die. */
  clear(): void {
    this.#diedAtMs[0] = Infinity;
  }

  /** Orders a KN to die in the middle of a step. */
  order(agent: number, death: number, accessCount: number): void {
    this.#control[this.#at + AGENT] = agent;
    this.#control[this.#at + COUNTDOWN] = accessCount;
    Atomics.store(this.#control, this.#at + DEATH, death);
  }

  /**
   * Counts an access of a KN; which way it is to die now, or `Death.NONE`. Called often, so it
   * makes no atomic access before that.
   */
  takeOrder(agent: number): number {
    const control = this.#control;
    const death = control[this.#at + DEATH];
    if (death === Death.NONE || control[this.#at + AGENT] !== agent) return Death.NONE;
    if (--control[this.#at + COUNTDOWN] > 0) return Death.NONE;
    control[this.#at + DEATH] = Death.NONE;
    this.sayDead();
    return death;
  }

  /** Somebody has died now. */
  sayDead(): void {
    this.#diedAtMs[0] = sharedNowMs();
  }
}
