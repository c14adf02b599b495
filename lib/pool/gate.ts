/**
 * The gate: lets the M-node stop every agent between two steps, and know that they have stopped.
 *
 * An agent stores BUSY before it looks at PAUSED; the M-node stores PAUSED before it looks at the agents'
 * states. Both are sequentially consistent, so either the agent sees the pause and does not start its step, or the
 * M-node sees BUSY and waits until the step has ended. An agent that sleeps need not wake up to be paused.
 *
 * @module
 */
import { AGENT_COUNT, AGENT_GATE_STATE, GATE_PAUSED } from "./control_layout.ts";
import type { Pool } from "./pool.ts";

const IDLE = 0;
const BUSY = 1;

/** One agent's side of the gate. */
export class Gate {
  readonly #control: Int32Array;
  readonly #state: number;

  /** The gate of one agent. */
  constructor(pool: Pool, agent: number) {
    this.#control = pool.control;
    this.#state = pool.agentAt(agent) + AGENT_GATE_STATE;
  }

  /** Starts a step; false when the pool is paused, and then the step must not be made. */
  enter(): boolean {
    Atomics.store(this.#control, this.#state, BUSY);
    if (Atomics.load(this.#control, GATE_PAUSED) === 0) return true;
    Atomics.store(this.#control, this.#state, IDLE);
    return false;
  }

  /** Ends a step. Publishes everything done in it to whoever pauses the pool. */
  leave(): void {
    Atomics.store(this.#control, this.#state, IDLE);
  }
}

/**
 * Runs `step` while no agent is inside one of its own.
 *
 * Waits by spinning: a step is a bounded amount of work, some ten microseconds.
 */
export function whilePaused<Result>(pool: Pool, step: () => Result): Result {
  const { control } = pool;
  Atomics.store(control, GATE_PAUSED, 1);
  try {
    for (let agent = 0; agent < AGENT_COUNT; agent++) {
      const state = pool.agentAt(agent) + AGENT_GATE_STATE;
      while (Atomics.load(control, state) === BUSY);
    }
    return step();
  } finally {
    Atomics.store(control, GATE_PAUSED, 0);
    Atomics.notify(control, GATE_PAUSED);
  }
}
